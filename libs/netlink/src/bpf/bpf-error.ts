import { errnoName, type ErrnoName } from '../errno.ts';

/** What the kernel answered to a call of bpf(2). */
export class BpfError extends Error {
  override readonly name = 'BpfError';
  /** What was asked for, and of what: `load program calico_xdp`. */
  readonly operation: string;
  /** The positive errno. */
  readonly errno: number;
  readonly code: ErrnoName;
  /** Why the verifier refused a program; empty for other calls. */
  readonly verifierLog: string;

  constructor(operation: string, errno: number, verifierLog = '') {
    const code = errnoName(errno);
    const because = lastLines(verifierLog);
    super(`${operation}: ${code === 'UNKNOWN' ? `errno ${errno}` : code}${because === '' ? '' : ` (${because})`}`);
    this.operation = operation;
    this.errno = errno;
    this.code = code;
    this.verifierLog = verifierLog;
  }
}

/** Its reason stands before its statistics, at the end. */
function lastLines(log: string): string {
  const lines = log.split('\n').filter((line) => line !== '' && !line.startsWith('processed '));
  return lines.slice(-2).join('; ');
}
