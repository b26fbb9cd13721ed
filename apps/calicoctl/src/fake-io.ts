import type { Io } from './io.ts';

/** An Io for tests: keeps what was written. */
export interface FakeIo extends Io {
  stdout: string;
  stderr: string;
  /** What `interrupted` gives. */
  readonly stop: AbortController;
}

export interface FakeIoFields {
  readonly stdin?: string;
  readonly env?: Io['env'];
  readonly isRoot?: boolean;
  readonly errIsTerminal?: boolean;
  /** Plays the interactive program. */
  readonly runInteractive?: Io['runInteractive'];
}

export function fakeIo(fields: FakeIoFields = {}): FakeIo {
  const stop = new AbortController();
  const io: FakeIo = {
    stdout: '',
    stderr: '',
    stop,
    env: fields.env ?? {},
    isRoot: fields.isRoot ?? true,
    errIsTerminal: fields.errIsTerminal ?? false,
    out: (text) => {
      io.stdout += text;
    },
    err: (text) => {
      io.stderr += text;
    },
    readStdin: () => Promise.resolve(fields.stdin ?? ''),
    now: () => new Date(2026, 0, 2, 12, 0, 0),
    interrupted: () => stop.signal,
    runInteractive: fields.runInteractive ?? (() => Promise.resolve(0)),
  };
  return io;
}
