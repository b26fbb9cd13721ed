/** What the programs call the line of their input that they stumbled over. */
const LINE = [/Error occurred at line: (\d+)/, /^line (\d+): /m, /line (\d+) failed/];

/** One of iptables' programs failed. A table whose COMMIT it did not come to is as it was. */
export class IptablesError extends Error {
  override readonly name = 'IptablesError';
  readonly code = 'iptables-failed';
  readonly program: string;
  /** Which line of the input it blames, from 0; absent when it blames none. */
  readonly line: number | undefined;
  /** The chain that a rule leads to and that is not there, where it says so: the nft variant blames a table's end for it. */
  readonly missingChain: string | undefined;

  constructor(program: string, status: number | null, output: string) {
    const text = output
      .split('\n')
      .filter((line) => !/^(?:Try|Ignoring|# Warning)|^$/.test(line))
      .join('; ');
    super(`${program} ${outcomeOf(status)}: ${text}`);
    this.program = program;
    const found = LINE.map((pattern) => pattern.exec(output)?.[1]).find((number) => number !== undefined);
    this.missingChain = /Chain '([^']+)' does not exist/.exec(output)?.[1];
    this.line = found === undefined ? undefined : Number(found) - 1;
  }
}

function outcomeOf(status: number | null): string {
  if (status === null) return 'did not finish';
  return status === 0 ? 'did not do its work' : `failed (status ${status})`;
}
