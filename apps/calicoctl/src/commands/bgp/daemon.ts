import { nodePaths } from '@calico-node/service';
import { CommandError, type Io } from '../../io.ts';
import { isListening } from '../listening.ts';

/** A session, in the words of the table. */
export interface PeerRow {
  readonly name: string;
  readonly address: string;
  readonly remoteAs: number;
  readonly state: string;
  /** How long it has been so, or since when, as the daemon says. */
  readonly since: string;
  readonly received: number | bigint;
  readonly sent: number | bigint;
  readonly lastError: string;
}

/** A path to a prefix. */
export interface RouteRow {
  readonly prefix: string;
  /** Empty: none. */
  readonly nextHop: string;
  readonly source: string;
  readonly best: boolean;
  /** Kept for a peer that restarts. */
  readonly stale: boolean;
  readonly localPref?: number | undefined;
  readonly med?: number | undefined;
  readonly asPath: string;
  /** `IGP`, `EGP`, `Incomplete`; empty: it is not by BGP. */
  readonly origin: string;
  readonly communities: readonly string[];
}

export interface Explanation {
  readonly paths: readonly { readonly route: RouteRow | undefined; readonly verdict: string }[];
  readonly exports: readonly { readonly peer: string; readonly announced: boolean; readonly reason: string }[];
}

/** This node's BGP daemon, whichever it is. All throw CommandError. */
export interface BgpDaemon {
  readonly sinceHeading: 'FOR' | 'SINCE';
  peers(): Promise<readonly PeerRow[]>;
  /** @param prefix empty: all @param peer a peer's name, or another source of routes; empty: all */
  routes(prefix: string, peer: string): Promise<readonly RouteRow[]>;
  explain(prefix: string): Promise<Explanation>;
  /** Ends the session with a peer, by name or address, until it is reloaded. */
  shutdown(peer: string, message: string): Promise<void>;
  /** @param peer empty: all @param hard whether sessions begin anew */
  reload(peer: string, hard: boolean): Promise<{ readonly refreshed: number; readonly restarted: number }>;
}

/** The daemon that listens here: our own, or BIRD. @throws CommandError when neither does. */
export async function openBgpDaemon(io: Io): Promise<BgpDaemon> {
  const { bgpSocket, runDir } = nodePaths(io.env);
  if (await isListening(bgpSocket)) {
    const { nativeDaemon } = await import('./native-daemon.ts');
    return nativeDaemon(bgpSocket, io);
  }
  const { birdDaemon, birdsIn } = await import('./bird-daemon.ts');
  const birds = await birdsIn(runDir);
  if (birds.length > 0) return birdDaemon(birds);
  throw new CommandError(
    `no BGP daemon listens on ${bgpSocket}, and no BIRD on ${runDir}/bird.ctl: does calico-node run here?`,
  );
}
