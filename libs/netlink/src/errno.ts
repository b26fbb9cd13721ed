import { constants } from 'node:os';

/** An errno by its name. `UNKNOWN` stands for numbers outside the C library's, such as ipset's own (4096 and up). */
export type ErrnoName = keyof typeof constants.errno | 'UNKNOWN';

const nameOf = new Map<number, ErrnoName>(
  (Object.entries(constants.errno) as [keyof typeof constants.errno, number][])
    // Two numbers have two names each; these are the ones that the kernel's own messages use.
    .filter(([name]) => name !== 'EWOULDBLOCK' && name !== 'ENOTSUP')
    .map(([name, errno]) => [errno, name]),
);

/** The name of a positive errno. */
export function errnoName(errno: number): ErrnoName {
  return nameOf.get(errno) ?? 'UNKNOWN';
}

/** The positive number of a named errno; 0 for `UNKNOWN`. */
export function errnoNumber(name: ErrnoName): number {
  return name === 'UNKNOWN' ? 0 : constants.errno[name];
}

/** A system call that failed, outside of netlink's own answers. */
export class SyscallError extends Error {
  override readonly name = 'SyscallError';
  readonly syscall: string;
  /** The positive errno. */
  readonly errno: number;
  readonly code: ErrnoName;

  /** @param subject what it was done to: a path, an address, a namespace. */
  constructor(syscall: string, errno: number, subject?: string) {
    const code = errnoName(errno);
    super(`${syscall}${subject === undefined ? '' : ` ${subject}`}: ${code === 'UNKNOWN' ? `errno ${errno}` : code}`);
    this.syscall = syscall;
    this.errno = errno;
    this.code = code;
  }
}

/** Returns a native call's result, or throws when it is a negative errno. */
export function checkResult(result: number, syscall: string, subject?: string): number {
  if (result < 0) throw new SyscallError(syscall, -result, subject);
  return result;
}
