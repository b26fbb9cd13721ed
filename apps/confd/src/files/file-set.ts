/** One file of a configuration. */
export interface ConfigFile {
  readonly name: string;
  readonly text: string;
}

/**
 * What one daemon reads: checked as a whole, replaced as a whole. Whatever renders them, our own rendering
 * or an operator's templates, hands file sets to the writer.
 */
export interface FileSet {
  /** Also the daemon's name: `bird` or `bird6`. */
  readonly name: string;
  /** The file that the daemon is given; it includes the others by their bare names. */
  readonly main: string;
  /** What is included stands before what includes it. */
  readonly files: readonly ConfigFile[];
  /** Whether there are passwords in it. */
  readonly isSecret: boolean;
}
