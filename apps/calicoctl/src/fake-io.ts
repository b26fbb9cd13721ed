import type { Io } from './io.ts';

/** An Io for tests: keeps what was written. */
export interface FakeIo extends Io {
  stdout: string;
  stderr: string;
}

export function fakeIo(
  fields: { readonly stdin?: string; readonly env?: Io['env']; readonly isRoot?: boolean } = {},
): FakeIo {
  const io: FakeIo = {
    stdout: '',
    stderr: '',
    env: fields.env ?? {},
    isRoot: fields.isRoot ?? true,
    out: (text) => {
      io.stdout += text;
    },
    err: (text) => {
      io.stderr += text;
    },
    readStdin: () => Promise.resolve(fields.stdin ?? ''),
    now: () => new Date(2026, 0, 2, 12, 0, 0),
  };
  return io;
}
