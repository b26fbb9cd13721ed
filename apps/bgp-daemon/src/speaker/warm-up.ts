import { collectGarbage, createLogger, type Logger } from '@calico-node/service';
import { Rehearsal } from './rehearsal.ts';

/** More than one, for code not to be made for the functions of the first alone. */
const rehearsals = 3;
const plays = 2;

/**
 * Takes a small table of made-up routes through a speaker of its own, a few times, over connections that
 * never leave the process. Node.js compiles code once it has run for a while: what is met here is fast
 * when the first peer sends its routes.
 *
 * What it gives has to be kept until there are sessions, and then called: compiled code goes with the last object of
 * a kind that it was made for.
 */
export async function warmUp(log: Logger): Promise<() => void> {
  // Not a child of the daemon's: the level that this one gets later would reach it.
  const silent = createLogger('rehearsal', 'silent');
  let last: Rehearsal | undefined;
  try {
    for (let count = 1; count <= rehearsals; count++) {
      last?.close();
      // Nothing of the others is needed again: let it not burden the first routes, nor take code with it later.
      if (count === rehearsals) collectGarbage();
      last = await Rehearsal.begin(silent, count === 1);
      for (let play = 0; play < plays; play++) await last.play();
    }
    collectGarbage();
  } catch (error) {
    log.debug({ err: error }, 'no rehearsal: the first routes take longer');
  }
  return () => {
    last?.close();
    last = undefined;
  };
}
