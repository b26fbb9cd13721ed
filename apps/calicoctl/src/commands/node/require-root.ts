import { CommandError, type Io } from '../../io.ts';

/** @throws CommandError unless the program runs as root. */
export function requireRoot(io: Io): void {
  if (!io.isRoot) throw new CommandError('Need super user privileges: Operation not permitted');
}
