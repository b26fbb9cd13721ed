import { collectGarbage, createLogger, type Logger } from '@calico-node/service';
import { makeUpRoutes } from './made-up-routes.ts';
import { Rehearsal } from './rehearsal.ts';

/**
 * How often the table goes through each speaker. More than one speaker, for code not to be made for the functions of the
 * first alone; the last as often as it takes to have what is called most compiled for good.
 */
const plays = [1, 2, 8];

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
    const routes = makeUpRoutes();
    for (const [index, times] of plays.entries()) {
      last?.close();
      // Nothing of the others is needed again: let it not burden the first routes, nor take code with it later.
      if (index === plays.length - 1) collectGarbage();
      last = await Rehearsal.begin(silent, index === 0);
      for (let play = 0; play < times; play++) await last.play(routes);
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
