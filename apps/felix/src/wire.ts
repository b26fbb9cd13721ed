/**
 * Felix, put together:
 *
 *   etcd ─► syncer ─► CalcGraph ─► Engine ─► PolicyDriver, WorkloadInterfaces ─► kernel
 *                                    │
 *                                    ├─► endpoint-status files, status keys ─► etcd
 *                                    └─► gRPC: who waits for an endpoint or a revision
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { connectDatastore, Resources, type DatastoreConfig } from '@calico-node/datastore';
import type { Family, NodeName } from '@calico-node/net';
import { ConntrackSocket } from '@calico-node/netlink/conntrack';
import { felixV1, serveUnix } from '@calico-node/rpc';
import { Backoff, settleHeap, type NodePaths, type ServiceContext } from '@calico-node/service';
import { CalcGraph } from './calc/calc-graph.ts';
import type { ConfigUpdate } from './calc/intents.ts';
import { LiveMigrations } from './calc/live-migrations.ts';
import { calcMetrics } from './calc-metrics.ts';
import { kernelFamilies, withFamilies } from './config/kernel-families.ts';
import type { FelixParameters } from './config/parameters.ts';
import type { Resolved } from './config/resolve.ts';
import { chooseDriver, probeFilters } from './dataplane/driver-choice.ts';
import { Engine, type EndpointChange } from './dataplane/engine.ts';
import { hasIpvsInterface } from './dataplane/interfaces/service-addresses.ts';
import { dataplaneMetrics } from './dataplane/metrics.ts';
import { openDriver } from './dataplane/open-driver.ts';
import { filterRefreshSeconds, type Refresh, refreshPeriodically } from './dataplane/refresh.ts';
import { XdpShortcut } from './dataplane/xdp/xdp-shortcut.ts';
import { removeLeftHelpers } from './explain/probe-helpers.ts';
import { ClusterServices } from './kubernetes/cluster-services.ts';
import { felixService } from './rpc/felix-service.ts';
import { rehearse } from './rehearse.ts';
import { nodePolicyOf, ownNodeOf, programmedRoutesOf, ruleOptionsOf } from './rule-options.ts';
import { SimulatedFaults } from './simulated-faults.ts';
import { EndpointStatusFiles } from './status/endpoint-status-files.ts';
import { HostEndpointStates, type HostEndpointChange } from './status/host-endpoint-states.ts';
import { MtuFile } from './status/mtu-file.ts';
import { StoreDelay } from './status/store-delay.ts';
import { StatusReporter } from './status/status-reporter.ts';
import { workLimitOf } from './status/work-limits.ts';
import { syncMetrics } from './sync-metrics.ts';
import { unixNanos } from './unix-nanos.ts';
import { wireFlowOffload } from './wire-flow-offload.ts';
import { clusterRouteProtocol, wireNetwork } from './wire-network.ts';
import { wireStore } from './wire-store.ts';
import { wireWireguard } from './wire-wireguard.ts';

export interface FelixOptions {
  readonly hostname: NodeName;
  readonly datastore: DatastoreConfig;
  readonly config: Resolved;
  /** The parameters as they are now, those too that change while Felix runs. */
  readonly latest: () => FelixParameters;
  readonly paths: NodePaths;
  readonly socketPath: string;
  /** Takes each new word of the datastore on the configuration; true: what is running no longer fits it. */
  readonly needsRestart: (update: ConfigUpdate) => boolean;
}

/** Runs Felix until the signal fires, or its configuration has changed: then it returns `'restart'`. */
export async function runFelix(context: ServiceContext, options: FelixOptions): Promise<'stopped' | 'restart'> {
  const { log, health } = context;
  const ofKernel = kernelFamilies();
  const values = withFamilies(options.config.values, ofKernel, log);
  const families: readonly Family[] = values.Ipv6Support ? [4, 6] : [4];
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const restart = Promise.withResolvers<'restart'>();

  const kernelHealth = health.register('dataplane', () => workLimitOf('dataplane', options.latest()));
  const faults = new SimulatedFaults(values, signal);
  let touch = (): void => undefined;
  const onDirty = (): void => {
    touch();
  };

  const choice = chooseDriver(values, probeFilters());
  const kubeIpvs = hasIpvsInterface();
  const rules = ruleOptionsOf(values, choice.kind, kubeIpvs);
  const storeDelay = new StoreDelay(() => performance.now());
  using metrics = dataplaneMetrics(context.metrics.registry, {
    packetFilter: choice.kind,
    localEndpoints: () => engine.endpoints.size + hostEndpoints.count,
    counts: () => policy.counts(),
    routes: () => interfaces.routeCount,
    interfaces: () => interfaces.interfaceCount,
    writes: () => engine.status.writes,
    repairs: () => policy.repairs + (flowOffload?.flows.repairs ?? 0),
    routeRepairs: () => interfaces.repairs,
    networkRepairs: () => parts.networkRepairs(),
    bandwidthRepairs: () => bandwidth.repairs,
    xdpRepairs: () => xdp.repairs,
    xdpDrops: () => xdp.drops(),
    storeDelaySeconds: () => storeDelay.seconds,
  });
  const policy = openDriver({
    choice,
    parameters: values,
    families,
    rules,
    log,
    onDirty,
    onProgramStart: metrics.programStarted,
  });
  using _policy = disposable(policy);
  policy.installSkeleton();
  await removeLeftHelpers(values.InterfacePrefix);
  if (values.AWSSrcDstCheck !== 'DoNothing') {
    const { setSourceDestinationCheck } = await import('./aws/source-destination-check.ts');
    const isChecked = values.AWSSrcDstCheck === 'Enable';
    void setSourceDestinationCheck({ isChecked, env: context.env, log, health, signal });
  }
  const migrations = new LiveMigrations(options.hostname);
  const mtuFile = new MtuFile(options.paths.mtuFile, values.RequireMTUFile, log);
  const backend = connectDatastore(options.datastore, { log, signal });
  using wireguard = await wireWireguard({
    hostname: options.hostname,
    values,
    kernelFamilies: ofKernel,
    rules,
    routeProtocol: clusterRouteProtocol(values.DeviceRouteProtocol),
    resources: new Resources(backend),
    context,
    signal,
    onDirty,
  });
  using flowOffload = await wireFlowOffload({ values, filter: choice.kind, families, context, onDirty });
  using services = new ClusterServices({ env: context.env, log, signal });
  using parts = wireNetwork({
    hostname: options.hostname,
    values,
    families,
    wireguard,
    flowOffload: flowOffload?.flows,
    services,
    backend,
    log,
    signal,
    onWorkloadMtu: (mtu, isGuess) => {
      if (isGuess) log.warn('no interface has a name that MTUIfacePattern expects: the MTU of the host is not known');
      mtuFile.write(mtu);
    },
    kubeIpvs,
    onIpvsInterface: (isThere) => {
      if (isThere !== kubeIpvs) restart.resolve('restart');
    },
    onListed: metrics.routesListed,
    onDirty,
  });
  const { interfaces, hostInterfaces, serviceAddresses, bandwidth } = parts;
  using connections = ConntrackSocket.open();

  const statusDir =
    options.config.origins.has('EndpointStatusPathPrefix') && values.EndpointStatusPathPrefix !== ''
      ? join(values.EndpointStatusPathPrefix, 'endpoint-status')
      : options.paths.endpointStatusDir;
  const files = values.EndpointStatusPathPrefix === '' ? undefined : new EndpointStatusFiles(statusDir);
  const reporter = new StatusReporter({
    backend,
    hostname: options.hostname,
    region: values.OpenstackRegion,
    intervalSeconds: values.ReportingIntervalSecs,
    ttlSeconds: values.ReportingTTLSecs,
    reportsEndpoints: values.EndpointReportingEnabled,
    endpointDelaySeconds: values.EndpointReportingDelaySecs,
    onReport: (value) => {
      storeDelay.sent(value);
    },
    log,
    now: Date.now,
  });

  const onStates = (changes: readonly EndpointChange[], hosts: readonly HostEndpointChange[]): void => {
    for (const change of changes) reportState(change, files, reporter);
    for (const { name, status } of hosts) reporter.setHostEndpoint(name, status);
  };
  const hostEndpoints = new HostEndpointStates(hostInterfaces);
  using xdp = new XdpShortcut({
    isEnabled: values.XDPEnabled,
    allowsGeneric: values.GenericXDPEnabled,
    failsafes: rules.failsafes,
    membersOf: (set) => calc.networksOf(set),
    onDirty,
    log,
  });
  const engine = new Engine({
    policy,
    shortcut: xdp,
    interfaces,
    hostInterfaces,
    serviceAddresses,
    hostEndpoints,
    network: parts.network,
    bandwidth,
    floatingIps: values.FloatingIPs === 'Enabled',
    connections,
    log,
    health: kernelHealth,
    networkHealth: health.register('network'),
    bandwidthHealth: health.register('bandwidth'),
    metrics,
    backoff: new Backoff(50, 5000),
    beforeApply: faults.beforeApply,
    onStates,
    now: unixNanos,
  });
  touch = () => {
    engine.touch();
  };

  const calc = new CalcGraph({
    hostname: options.hostname,
    externalNodes: values.ExternalNodesCIDRList,
    routeSource: values.RouteSource,
    encapsulations: { ipip: values.IpInIpEnabled, vxlan: values.VXLANEnabled },
    programs: programmedRoutesOf(values),
    tellsOwners: wireguard.families.length > 0,
    hasAmbientMesh: rules.ambientMeshDscp !== undefined,
    allowsSpoofing: values.WorkloadSourceSpoofing === 'Any',
    ownNode: ownNodeOf(values),
  });
  // Rare, and not small.
  using flowLogs = rules.flowLogs
    ? (await import('./flow-logs/flow-logs.ts')).openFlowLogs({
        ...{ values, families, calc, services, connections, log, signal, registry: context.metrics.registry },
        localSocket: join(options.paths.runDir, 'flows', 'flows.sock'),
      })
    : undefined;
  // Rare, too.
  await using policySync =
    values.PolicySyncPathPrefix === ''
      ? undefined
      : (await import('./policy-sync/policy-sync.ts')).openPolicySync({
          prefix: values.PolicySyncPathPrefix,
          calc,
          log,
        });
  const followers = [flowLogs, policySync].filter((follower) => follower !== undefined);
  using sync = syncMetrics(context.metrics.registry, options.hostname);
  using _calcMetrics = calcMetrics(context.metrics.registry, () => calc.counts);
  /** Once all that is stored is in the kernel. */
  const getReady = async (): Promise<void> => {
    try {
      if (choice.kind === 'nftables') await rehearse(families, rules, signal);
    } catch (error) {
      log.debug({ err: error }, 'could not rehearse ahead of the first endpoint');
    }
    settleHeap(signal);
  };
  const syncer = wireStore({
    backend,
    hostname: options.hostname,
    values,
    context,
    signal,
    calc,
    migrations,
    services,
    storeDelay,
    sync,
    calculationLimit: () => workLimitOf('calculation', options.latest()),
    isHanging: () => faults.calculationHangs,
    onTaken: (update) => {
      for (const follower of followers) follower.update(update);
    },
    onBatch: (batch, { inSync, isFirst, arrivedAt }) => {
      if (batch.intents.some((intent) => intent.type === 'config-update' && options.needsRestart(intent))) {
        restart.resolve('restart');
        return;
      }
      if (stop.signal.aborted) return;
      for (const follower of followers) follower.take(batch.intents);
      engine.take(batch, inSync, arrivedAt);
      parts.setMoves(migrations);
      if (!isFirst) return;
      reporter.inSync();
      // The first apply has states of all endpoints; whatever other files there are is of an earlier run.
      void engine.revisions.reached(0n, signal).then(() => {
        files?.keepOnly([...engine.endpoints.values()].map(({ endpoint }) => endpoint.identity));
        void getReady();
      });
    },
  });

  mkdirSync(options.paths.runDir, { recursive: true, mode: 0o755 });
  await using _server = await serveUnix(options.socketPath, [
    [
      felixV1.FelixServiceService,
      felixService(engine, calc, nodePolicyOf(rules), {
        hostname: options.hostname,
        interfacePrefixes: values.InterfacePrefix,
        filter: choice,
        maxChainNameLength: rules.maxChainNameLength,
        families,
        floatingIps: rules.floatingIps,
        env: context.env,
      }),
    ],
  ]);
  log.info({ socket: options.socketPath, hostname: options.hostname, packetFilter: choice }, 'felix is running');
  const filterRefresh: Refresh = {
    seconds: filterRefreshSeconds(values, choice.kind),
    run: () => {
      policy.resync();
      onDirty();
    },
  };
  const xdpRefresh: Refresh = {
    seconds: values.XDPRefreshInterval,
    run: () => {
      xdp.resync();
    },
  };
  const tasks = [
    engine.run(signal),
    reporter.run(signal),
    refreshPeriodically([...parts.refreshes, filterRefresh, xdpRefresh], signal),
    faults.panic(),
    syncer.done,
  ];
  // A task that fails ends Felix; the supervisor starts it anew.
  try {
    const ends = [restart.promise, mtuFile.failed, stopped(signal)];
    return await Promise.race([...tasks.map((task) => untilFailure(task)), ...ends]);
  } finally {
    stop.abort();
    await Promise.allSettled(tasks);
    backend.close();
  }
}

/** What an endpoint's new state means to those who look from outside. */
function reportState(change: EndpointChange, files: EndpointStatusFiles | undefined, reporter: StatusReporter): void {
  const { endpoint, before, state } = change;
  if (endpoint === undefined) {
    if (before === undefined) return;
    files?.delete(before.identity);
    reporter.removeEndpoint(before.identity);
    return;
  }
  if (state.state === 'up') files?.set(endpoint);
  else files?.delete(endpoint.identity);
  reporter.setEndpoint(endpoint.identity, state.state);
}

/** Never resolves; rejects when the task does. */
function untilFailure(task: Promise<unknown>): Promise<never> {
  return new Promise((_, reject) => {
    task.catch((error: unknown) => {
      reject(error instanceof Error ? error : new Error(String(error)));
    });
  });
}

function stopped(signal: AbortSignal): Promise<'stopped'> {
  return new Promise((resolve) => {
    const done = (): void => {
      resolve('stopped');
    };
    if (signal.aborted) done();
    signal.addEventListener('abort', done, { once: true });
  });
}

function disposable(closable: { close(): void }): Disposable {
  return {
    [Symbol.dispose]: () => {
      closable.close();
    },
  };
}
