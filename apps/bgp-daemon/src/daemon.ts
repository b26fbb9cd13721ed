import { Bfd } from './bfd/bfd.ts';
import { Bmp } from './bmp/bmp.ts';
import { parseConfig } from './config/parse-config.ts';
import { readConfigFile, writeConfigFile } from './config/config-file.ts';
import { readOperatorFile } from './config/operator-file.ts';
import { bgpV1, serveUnix } from '@calico-node/rpc';
import {
  ConfigError,
  isLogLevel,
  nodePaths,
  setLogLevel,
  type Logger,
  type Reporter,
  type ServiceContext,
} from '@calico-node/service';
import { registerMetrics } from './api/metrics.ts';
import { bgpService, type ConfigOwner } from './api/service.ts';
import { NetlinkFib } from './fib/netlink-fib.ts';
import { dial } from './session/dial.ts';
import { MrtUpdateLog } from './mrt/update-log.ts';
import { Listener } from './session/listener.ts';
import type { Neighbor } from './speaker/neighbor.ts';
import { LifeNote, readPreviousLife } from './speaker/previous-life.ts';
import { Speaker } from './speaker/speaker.ts';
import { warmUp } from './speaker/warm-up.ts';

const noteMs = 30_000;

/** How long neighbours are told at most that BFD ends on purpose: calico-node kills what has not ended within 3 s. */
const supervisedFarewellMs = 2000;
const aloneFarewellMs = 10_000;

/** How long sessions may take before the daemon counts as ready without them. */
const graceMs = 30_000;

/** Runs the daemon until the signal fires; wires its parts together. */
export async function runDaemon(context: ServiceContext): Promise<void> {
  const { log, signal, health, metrics } = context;
  const paths = nodePaths(context.env);
  const port = parsePort(context.option('port'));
  const fixedFile = context.option('config');
  const startedMs = Date.now();
  /** What SIGHUP does: nothing before the file is read for the first time, but it must not end the process either. */
  let onHangUp = (): void => undefined;
  const hangUp = (): void => {
    onHangUp();
  };
  process.on('SIGHUP', hangUp);
  const endWarmUp = await warmUp(log);
  const reporter = health.register('bgp');
  const usualLevel = isLogLevel(log.level) ? log.level : 'info';
  const owner = { wire: undefined as bgpV1.BgpConfig | undefined, configuredMs: 0 };
  const socket = context.option('socket') ?? paths.bgpSocket;
  // Beside the socket: as there is one socket for each daemon, there is one note.
  const noteFile = `${socket}.sessions`;
  const previousPeers = readPreviousLife(noteFile);
  const note = new LifeNote(noteFile, log);
  const noteSessions = (): void => {
    const isUp = ({ session, isRetained }: Neighbor): boolean => session !== undefined || isRetained;
    const up = speaker.neighbors.filter(isUp).map(({ config }) => config.name);
    if (!speaker.isRestarting) note.write(up);
    // Those that were there before are still to come.
    else if (previousPeers !== undefined) note.write([...previousPeers, ...up]);
  };
  const updateLog = new MrtUpdateLog(log);
  const bmp = new Bmp(() => speaker, log);
  const speaker: Speaker = new Speaker({
    observers: [bmp, updateLog],
    previousPeers,
    openFib: (onEvent) => new NetlinkFib(onEvent),
    dial,
    listen: (addresses, port, handlers) => new Listener(addresses, port, handlers, log),
    log,
    onChange: () => {
      syncBfd();
      noteSessions();
      report(reporter, speaker, owner.configuredMs);
    },
  });
  const bfd = new Bfd((name, keepsRoutes) => {
    speaker.neighbors.find(({ config }) => config.name === name)?.pathFailed(keepsRoutes);
  }, log);
  /** Dynamic neighbours come and go; who is shut down, or not on a network of ours as wanted, needs no watching. */
  const syncBfd = (): void => {
    const isWatched = ({ isShutDown, config }: Neighbor): boolean =>
      !isShutDown && (config.bfd?.ifConnected !== true || speaker.isConnected(config));
    bfd.sync(speaker.neighbors.filter(isWatched).map(({ config }) => config));
  };
  registerMetrics(metrics.registry, speaker, bfd, bmp);
  const readiness = setInterval(() => {
    if (speaker.neighbors.some(({ session }) => session !== undefined)) endWarmUp();
    syncBfd();
    report(reporter, speaker, owner.configuredMs);
  }, 1000);

  const noting = setInterval(() => {
    note.touch();
  }, noteMs);

  const apply = (wire: bgpV1.BgpConfig, keepIn: string | undefined): ReturnType<ConfigOwner['apply']> => {
    const config = parseConfig(port === undefined ? wire : { ...wire, listenPort: port });
    const result = speaker.apply(config);
    bmp.sync(config.bmpStations);
    updateLog.sync(config.mrtLog);
    owner.wire = wire;
    owner.configuredMs = Date.now();
    setLogLevel(log, config.logLevel ?? usualLevel);
    log.info(result, 'configuration applied');
    if (keepIn !== undefined) writeConfigFile(keepIn, wire);
    return result;
  };

  /** What is wrong with a changed file leaves the old configuration in force. */
  const reread = (): void => {
    const file = fixedFile ?? paths.bgpConfigFile;
    try {
      const wire = fixedFile === undefined ? readConfigFile(file) : readOperatorFile(fixedFile);
      if (wire === undefined) throw new ConfigError(`${file}: there is no such file`);
      apply(wire, undefined);
    } catch (error) {
      log.error({ err: error, file }, 'the configuration file is unusable; keeping the old one');
    }
  };

  try {
    const stored = fixedFile === undefined ? loadStored(paths.bgpConfigFile, log) : readOperatorFile(fixedFile);
    if (stored !== undefined) apply(stored, undefined);
    const keeper: ConfigOwner = {
      get wire() {
        return owner.wire;
      },
      get configuredMs() {
        return owner.configuredMs;
      },
      apply: (wire) => apply(wire, paths.bgpConfigFile),
    };
    await using server = await serveUnix(socket, [
      [bgpV1.BgpServiceService, bgpService(speaker, bfd, keeper, startedMs)],
    ]);
    onHangUp = reread;
    log.info({ socket, configured: stored !== undefined }, 'serving');
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else
        signal.addEventListener(
          'abort',
          () => {
            resolve();
          },
          { once: true },
        );
    });
    // Not a failure of the path. Then sessions: their peers keep our routes from here on.
    const farewell = bfd.close(fixedFile === undefined ? supervisedFarewellMs : aloneFarewellMs);
    speaker.stop();
    bmp.close();
    updateLog.close();
    await server.close();
    await farewell;
  } finally {
    process.removeListener('SIGHUP', hangUp);
    clearInterval(readiness);
    clearInterval(noting);
    endWarmUp();
    void bfd.close(0);
    speaker.stop();
    bmp.close();
    updateLog.close();
  }
}

function parsePort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new ConfigError(`--port: '${text}' is not a port`);
  return port;
}

/** What the daemon itself has stored may be passed over. */
function loadStored(file: string, log: Logger): bgpV1.BgpConfig | undefined {
  try {
    const wire = readConfigFile(file);
    if (wire !== undefined) parseConfig(wire);
    return wire;
  } catch (error) {
    log.error({ err: error, file }, 'the stored configuration is unusable; waiting for another');
    return undefined;
  }
}

function report(reporter: Reporter, speaker: Speaker, configuredMs: number): void {
  const waiting = speaker.neighbors.filter(({ session }) => session === undefined).map(({ config }) => config.name);
  const isGracePassed = configuredMs > 0 && Date.now() - configuredMs > graceMs;
  if (configuredMs === 0) reporter.report({ ready: false, reason: 'no configuration yet' });
  else if (speaker.listenProblem !== undefined) reporter.report({ ready: false, reason: speaker.listenProblem });
  else if (waiting.length > 0 && !isGracePassed)
    reporter.report({ ready: false, reason: `not established: ${waiting.join(', ')}` });
  else reporter.report({ ready: true, reason: waiting.length === 0 ? '' : `not established: ${waiting.join(', ')}` });
}
