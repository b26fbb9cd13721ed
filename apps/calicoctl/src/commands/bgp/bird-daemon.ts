/**
 * BIRD as this node's BGP daemon, over its control sockets: one BIRD for each family, of which either may be away.
 * What BIRD does not tell, such as why its own decision took one path of two with equal preference, is not guessed.
 */
import {
  birdCommand,
  BirdError,
  birdNames,
  birdSocket,
  parseBirdRoutes,
  parseBirdSessions,
  type BirdRoute,
  type BirdSession,
  type ReplyLine,
} from '@calico-node/bird';
import { tryParseCidr } from '@calico-node/net';
import { CommandError } from '../../io.ts';
import { isListening } from '../listening.ts';
import type { BgpDaemon, Explanation, RouteRow } from './daemon.ts';

/** A table may be long. */
const CALL_TIMEOUT_MS = 30_000;

/** Those of the node's two BIRDs that listen, by control socket. */
export async function birdsIn(runDir: string): Promise<readonly string[]> {
  const sockets = birdNames.map((name) => birdSocket(runDir, name));
  const listening = await Promise.all(sockets.map(isListening));
  return sockets.filter((_, index) => listening[index]);
}

interface Located {
  readonly session: BirdSession;
  readonly socket: string;
}

export function birdDaemon(sockets: readonly string[]): BgpDaemon {
  const sessions = async (): Promise<readonly Located[]> => {
    const answers = await Promise.all(sockets.map((socket) => ask(socket, 'show protocols all')));
    return sockets.flatMap((socket, index) =>
      parseBirdSessions(answers[index] ?? []).map((session) => ({ session, socket })),
    );
  };
  const find = async (peer: string): Promise<Located> => {
    const found = (await sessions()).find(({ session }) => session.name === peer || session.address === peer);
    if (found === undefined) throw new CommandError(`BIRD: there is no peer '${peer}'`);
    return found;
  };
  const routes = async (what: string): Promise<readonly BirdRoute[]> => {
    const answers = await Promise.all(sockets.map((socket) => askForRoutes(socket, `show route ${what} all`)));
    return answers.flat();
  };
  return {
    sinceHeading: 'SINCE',
    peers: async () =>
      (await sessions()).map(({ session }) => ({
        name: session.name,
        address: session.address,
        remoteAs: session.remoteAs,
        state: session.state === 'down' ? `${session.sessionState} (shut down)` : session.sessionState,
        since: session.since.replace(/\.\d+$/, ''),
        received: session.imported,
        sent: session.exported,
        lastError: session.sessionState === 'Established' ? '' : session.lastError,
      })),
    routes: async (prefix, peer) =>
      (await routes(prefix === '' ? '' : prefixOf(prefix)))
        .filter(({ protocol }) => peer === '' || protocol === peer || sourceOf(protocol) === peer)
        .map(rowOf),
    explain: async (prefix) => {
      const asked = prefixOf(prefix);
      const paths = await routes(asked);
      return { paths: verdicts(paths), exports: paths.length === 0 ? [] : await exportsOf(asked, await sessions()) };
    },
    shutdown: async (peer, message) => {
      const { session, socket } = await find(peer);
      // BIRD's strings know no quotes.
      if (/["\r\n]/.test(message)) throw new CommandError('BIRD takes no quotes or line ends in a message');
      await ask(socket, `disable ${quoted(session.name)}${message === '' ? '' : ` "${message}"`}`);
    },
    reload: async (peer, hard) => {
      const outcomes = [];
      for (const { session, socket } of peer === '' ? await sessions() : [await find(peer)]) {
        outcomes.push(await reload(session, socket, hard));
      }
      const refreshed = outcomes.filter((outcome) => outcome === 'refreshed').length;
      return { refreshed, restarted: outcomes.length - refreshed };
    },
  };
}

async function reload({ name, state, sessionState }: BirdSession, socket: string, hard: boolean) {
  if (!hard && sessionState === 'Established') {
    await ask(socket, `reload ${quoted(name)}`);
    return 'refreshed';
  }
  await ask(socket, `${state === 'down' ? 'enable' : 'restart'} ${quoted(name)}`);
  return 'restarted';
}

/** @throws CommandError with what BIRD says. */
async function ask(socket: string, command: string): Promise<readonly ReplyLine[]> {
  try {
    return await birdCommand(socket, command, { timeoutMs: CALL_TIMEOUT_MS });
  } catch (error) {
    if (!(error instanceof BirdError)) throw error;
    throw new CommandError(error.message, { cause: error });
  }
}

/** The routes in an answer; none where BIRD says that there are none, or no table for them. */
async function askForRoutes(socket: string, command: string): Promise<readonly BirdRoute[]> {
  try {
    return parseBirdRoutes(await birdCommand(socket, command, { timeoutMs: CALL_TIMEOUT_MS }));
  } catch (error) {
    if (!(error instanceof BirdError)) throw error;
    if (error.code === 'refused' && /Network not found|No valid tables|Incompatible/i.test(error.message)) return [];
    throw new CommandError(error.message, { cause: error });
  }
}

/** Only what is a prefix gets into a command. */
function prefixOf(text: string): string {
  const cidr = tryParseCidr(text);
  if (cidr === undefined) throw new CommandError(`prefix: '${text}' is not a prefix`);
  return cidr;
}

/** The names that our own daemon has for what is not a neighbour's. */
function sourceOf(protocol: string): string {
  return /^(kernel|static|direct)\d+$/.exec(protocol)?.[1] ?? protocol;
}

function rowOf({ destination, gateway, interfaceName, protocol, isBest, isStale, attributes }: BirdRoute): RouteRow {
  const number = (name: string): number | undefined => {
    const text = attributes.get(name);
    return text === undefined ? undefined : Number(text);
  };
  return {
    prefix: destination,
    nextHop: attributes.get('next_hop')?.split(' ')[0] ?? gateway ?? interfaceName ?? '',
    source: sourceOf(protocol),
    best: isBest,
    stale: isStale,
    localPref: number('local_pref'),
    med: number('med'),
    asPath: attributes.get('as_path') ?? '',
    origin: attributes.get('origin') ?? '',
    communities: ['community', 'large_community'].flatMap((name) => communitiesIn(attributes.get(name) ?? '')),
  };
}

/** `(65000,1) (65000, 1, 2)` in Calico's notation. */
function communitiesIn(text: string): readonly string[] {
  return [...text.matchAll(/\(([^)]*)\)/g)].map(([, parts = '']) => parts.replaceAll(/\s*,\s*/g, ':'));
}

/** The best path first, with what BIRD tells of its choice. */
function verdicts(paths: readonly BirdRoute[]): Explanation['paths'] {
  const best = paths.find(({ isBest }) => isBest);
  return paths
    .toSorted((a, b) => Number(b.isBest) - Number(a.isBest))
    .map((path) => ({ route: rowOf(path), verdict: verdictOf(path, best) }));
}

function verdictOf(path: BirdRoute, best: BirdRoute | undefined): string {
  if (path.isBest) return 'best';
  if (best === undefined) return 'not used';
  if (path.preference !== best.preference) {
    return `not best: preference ${path.preference}, the best has ${best.preference}`;
  }
  const [mine, other] = [rowOf(path), rowOf(best)];
  if (path.isStale && !best.isStale) return 'not best: it is kept for a peer that restarts';
  if (mine.localPref !== other.localPref) return `not best: LOCAL_PREF ${mine.localPref ?? 0} is lower`;
  const [length, bestLength] = [mine, other].map(({ asPath }) => asPath.split(' ').filter(Boolean).length);
  if (length !== bestLength) return 'not best: its AS path is longer';
  return "not best: BIRD's decision (origin, MED, how near the next hop and the router are)";
}

/** One after the other: a BIRD takes few callers at once. */
async function exportsOf(prefix: string, sessions: readonly Located[]): Promise<Explanation['exports']> {
  const isIpv6 = prefix.includes(':');
  const exports = [];
  for (const { session, socket } of sessions) {
    if (session.address.includes(':') === isIpv6) exports.push(await exportOf(prefix, session, socket));
  }
  return exports;
}

async function exportOf(prefix: string, { name, sessionState }: BirdSession, socket: string) {
  const isListed = async (list: string): Promise<boolean> =>
    (await askForRoutes(socket, `show route ${list} ${quoted(name)} ${prefix}`)).length > 0;
  const isUp = sessionState === 'Established';
  const announced = isUp && (await isListed('export'));
  const reason = !isUp
    ? `the session is not established: ${sessionState}`
    : announced
      ? 'the export filter lets it pass'
      : (await isListed('preexport'))
        ? 'the export filter keeps it back'
        : 'it came from this peer, or from another of our AS, which only a route reflector passes on';
  return { peer: name, announced, reason };
}

/** A protocol's name, which need not be one that can stand alone. */
function quoted(name: string): string {
  return `'${name}'`;
}
