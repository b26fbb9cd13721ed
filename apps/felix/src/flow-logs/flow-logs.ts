/**
 * Flow logs: what becomes of workloads' connections, told to a collector from time to time.
 *
 *   rules ─► netlink log ─┐
 *   kernel's connections ─┴► Collector ─► flows ─► FlowSender ─► Goldmane, or whoever serves the local socket
 *   store, intents ─► who the ends are, which rule a log is of, what staged policy would say
 */
import { existsSync, readFileSync } from 'node:fs';
import type { Family } from '@calico-node/net';
import { writeSysctl } from '@calico-node/netlink';
import type { ConntrackSocket } from '@calico-node/netlink/conntrack';
import { NflogSocket } from '@calico-node/netlink/nflog';
import { connectFlowCollector, type GoldmaneTls } from '@calico-node/rpc/goldmane';
import { Backoff, sleep, type Logger } from '@calico-node/service';
import type { Registry } from 'prom-client';
import type { StoreUpdate } from '../calc/calc-graph.ts';
import type { Intent } from '../calc/intents.ts';
import type { FelixParameters } from '../config/parameters.ts';
import type { ExplainGraph } from '../explain/explain-flow.ts';
import type { ClusterServices } from '../kubernetes/cluster-services.ts';
import { flowLogGroups } from '../rules/flow-logs.ts';
import type { Direction } from '../rules/names.ts';
import { Collector } from './collector.ts';
import { Ends } from './ends.ts';
import type { Flow } from './flow.ts';
import { flowToMessage } from './flow-message.ts';
import { FlowSender } from './flow-sender.ts';
import { LocalWorkloads } from './local-workloads.ts';
import { LogListener } from './log-listener.ts';
import { readHeader } from './packet-header.ts';
import { packetLogMetrics, type PacketLogCounts } from './packet-log-metrics.ts';
import { PendingTraces } from './pending-traces.ts';
import { RulePrefixes } from './rule-prefixes.ts';
import { Services } from './services.ts';

/** The headers, with options. */
const LOGGED_BYTES = 128;
/** Connections that are over stay in the kernel longer than this. */
const POLL_SECONDS = 5;
const MAX_CONNECTIONS = 100_000;
/** A second, in each direction: some 50 ms of work. */
const MAX_PACKETS = 5000;
/** None asks for more flushes than this. */
const MIN_INTERVAL_SECONDS = 0.1;
/** How many connections are asked about before the event loop gets its turn. */
const PENDING_BURST = 200;

export interface FlowLogsOptions {
  readonly values: Pick<
    FelixParameters,
    | 'FlowLogsGoldmaneServer'
    | 'FlowLogsLocalReporter'
    | 'FlowLogsFlushInterval'
    | 'FlowLogsPolicyEvaluationMode'
    | 'FlowLogsCollectorDebugTrace'
    | 'TyphaCAFile'
    | 'TyphaCertFile'
    | 'TyphaKeyFile'
  >;
  readonly families: readonly Family[];
  readonly calc: ExplainGraph;
  readonly services: Pick<ClusterServices, 'followServices'>;
  readonly connections: Pick<ConntrackSocket, 'listCounted'>;
  /** Where whoever wants to see this node's flows serves the collector's API. */
  readonly localSocket: string;
  readonly log: Logger;
  readonly registry: Registry;
  readonly signal: AbortSignal;
}

export interface FlowLogs extends Disposable {
  /** Takes a change of the store that the calculation has taken. */
  update(update: StoreUpdate): void;
  /** Takes what is about to be programmed. */
  take(intents: readonly Intent[]): void;
}

/** Never throws: Felix does its work without flow logs where the kernel refuses them. */
export function openFlowLogs(options: FlowLogsOptions): FlowLogs {
  const { values, calc, log, signal } = options;
  const ends = new Ends(() => calc.items);
  const prefixes = new RulePrefixes();
  const workloads = new LocalWorkloads();
  const services = new Services();
  const collector = new Collector(
    {
      endAt: (ip) => ends.at(ip),
      workloadAt: (ip) => workloads.at(ip),
      serviceAt: ({ destination, destinationPort = 0 }, protocol) =>
        services.find(destination, destinationPort, protocol),
      limit: MAX_CONNECTIONS,
    },
    Date.now(),
  );
  const opened = new DisposableStack();
  const counts = opened.use(packetLogMetrics(options.registry));
  const state = { isStale: true };
  try {
    const listeners = (['ingress', 'egress'] as const).map((direction) =>
      opened.use(listen(direction, collector, prefixes, counts.of(flowLogGroups[direction]))),
    );
    countTraffic(log);
    const senders = sendersOf(options, opened);
    options.services.followServices((id, service) => {
      services.set(id, service);
    });
    const asksPending = values.FlowLogsPolicyEvaluationMode === 'Continuous';
    const evaluate = async (): Promise<void> => {
      if (!asksPending) return;
      try {
        await evaluatePending(collector, calc, ends, state);
      } catch (error) {
        log.warn({ err: error }, 'flows do not tell of staged policies, which cannot be read');
      }
    };
    run(options, collector, listeners, evaluate, senders).catch((error: unknown) => {
      log.error({ err: error }, 'flow logs have ended');
    });
    signal.addEventListener('abort', () => {
      opened.dispose();
    });
  } catch (error) {
    opened.dispose();
    log.error({ err: error }, 'there are no flow logs: the kernel does not tell of packets');
  }
  return {
    update: (update) => {
      state.isStale = true;
      ends.update(update);
    },
    take: (intents) => {
      for (const intent of intents) {
        prefixes.take(intent);
        workloads.take(intent);
      }
    },
    [Symbol.dispose]: () => {
      opened.dispose();
    },
  };
}

function listen(
  direction: Direction,
  collector: Collector,
  prefixes: RulePrefixes,
  counts: PacketLogCounts,
): LogListener {
  return new LogListener({
    limit: MAX_PACKETS,
    open: ({ onPacket, onOverrun }) =>
      NflogSocket.open({
        group: flowLogGroups[direction],
        bytes: LOGGED_BYTES,
        withConnection: true,
        onPacket: (packet) => {
          counts.received();
          onPacket(packet);
        },
        onOverrun: () => {
          counts.overrun();
          onOverrun();
        },
      }),
    onPacket: ({ prefix, headers, sentTo }) => {
      const hit = prefixes.find(prefix);
      const packet = hit && readHeader(headers);
      if (hit !== undefined && packet === undefined) counts.unread();
      if (hit !== undefined && packet !== undefined) collector.packet(direction, hit, packet, sentTo, Date.now());
    },
  });
}

/** The kernel counts only when it is asked to, from then on. */
function countTraffic(log: Logger): void {
  try {
    writeSysctl('net/netfilter/nf_conntrack_acct', '1');
  } catch (error) {
    log.warn({ err: error }, 'flows have no counts of packets: the kernel does not count what goes over connections');
  }
}

type Send = (flows: readonly Flow[]) => void;

function sendersOf({ values, localSocket, log }: FlowLogsOptions, opened: DisposableStack): readonly Send[] {
  const senderTo = (address: string, tlsOf: () => GoldmaneTls | undefined): FlowSender =>
    new FlowSender({
      connect: () => connectFlowCollector(address, tlsOf()),
      backoff: new Backoff(1000, 10_000),
      log: log.child({ collector: address }),
      now: Date.now,
    });
  const senders: Send[] = [];
  const { FlowLogsGoldmaneServer: server } = values;
  if (server !== '') {
    const sender = opened.use(senderTo(server, () => tlsOf(values)));
    senders.push((flows) => {
      sender.send(flows.map(flowToMessage));
    });
  }
  if (values.FlowLogsLocalReporter === 'Enabled') {
    let sender: FlowSender | undefined;
    opened.defer(() => sender?.close());
    senders.push((flows) => {
      if (opened.disposed) return;
      // It is there while somebody looks on.
      if (existsSync(localSocket)) sender ??= senderTo(`unix:${localSocket}`, () => undefined);
      else {
        sender?.close();
        sender = undefined;
      }
      sender?.send(flows.map(flowToMessage));
    });
  }
  return senders;
}

/** The files that Felix shows to Typha in Calico are those for Goldmane, too. Throws where one cannot be read. */
function tlsOf({ TyphaCAFile, TyphaCertFile, TyphaKeyFile }: FlowLogsOptions['values']): GoldmaneTls | undefined {
  if (TyphaCAFile === '' && TyphaCertFile === '' && TyphaKeyFile === '') return undefined;
  return {
    ca: readFileSync(TyphaCAFile),
    certificate: readFileSync(TyphaCertFile),
    key: readFileSync(TyphaKeyFile),
  };
}

async function run(
  { values, families, connections, log, signal }: FlowLogsOptions,
  collector: Collector,
  listeners: readonly LogListener[],
  evaluate: () => Promise<void>,
  senders: readonly Send[],
): Promise<void> {
  const intervalMs = Math.max(MIN_INTERVAL_SECONDS, values.FlowLogsFlushInterval) * 1000;
  let nextFlush = performance.now() + intervalMs;
  for (;;) {
    await sleep(Math.max(0, Math.min(POLL_SECONDS * 1000, nextFlush - performance.now())), signal);
    if (signal.aborted) return;
    readConnections(collector, connections, families, log);
    if (performance.now() < nextFlush) continue;
    nextFlush = performance.now() + intervalMs;
    await evaluate();
    const { flows, left } = collector.flush(Date.now());
    if (listeners.map((listener) => listener.takeMissed()).includes(true))
      log.warn({}, 'flow logs are incomplete: packets came faster than they could be read');
    if (left > 0) log.warn({ packets: left }, 'flow logs are incomplete: there are too many connections at once');
    if (values.FlowLogsCollectorDebugTrace) for (const { key, ...flow } of flows) log.info({ ...key, ...flow }, 'flow');
    for (const send of senders) send(flows);
  }
}

function readConnections(
  collector: Collector,
  connections: FlowLogsOptions['connections'],
  families: readonly Family[],
  log: Logger,
): void {
  if (collector.count === 0) return;
  try {
    collector.connections(
      families.flatMap((family) => connections.listCounted(family)),
      Date.now(),
    );
  } catch (error) {
    log.warn({ err: error }, 'the kernel does not tell of its connections');
  }
}

/** Asks what staged policy would say: of new connections, and when anything has changed of all. */
async function evaluatePending(
  collector: Collector,
  graph: ExplainGraph,
  ends: Ends,
  state: { isStale: boolean },
): Promise<void> {
  let traces: PendingTraces | undefined;
  const isStale = state.isStale;
  state.isStale = false;
  let asked = 0;
  for (const side of collector.sides()) {
    if (!isStale && side.pending.length > 0) continue;
    traces ??= new PendingTraces(graph, ends);
    side.pending = traces.of(side);
    if (++asked % PENDING_BURST === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}
