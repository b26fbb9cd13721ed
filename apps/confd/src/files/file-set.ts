/** One file of a configuration. */
export interface ConfigFile {
  readonly name: string;
  readonly text: string;
  /** Permissions; none: 0644, or 0600 in a set that is secret. */
  readonly mode?: number | undefined;
  /** User and group by number; -1: confd's own. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** A shell command that must succeed for the staged file, whose path stands in place of `{{.src}}`. */
  readonly checkCommand?: string | undefined;
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
  /** Where the files go; none: the daemons' directory. */
  readonly directory?: string;
  /** False: an operator's own file, which no BIRD checks or reads. */
  readonly isDaemons?: boolean;
  /** Shell commands after files were replaced, and the daemon reloaded. */
  readonly reloadCommands?: readonly string[];
  /** Why the set could not be rendered: its files stay as they are. */
  readonly failure?: string;
}
