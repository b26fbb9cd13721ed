import { bgpV1, RpcError, serveUnix, unary, type RunningServer } from '@calico-node/rpc';

/** What a BGP daemon is to confd: takes configurations, in the order in which they came. */
export interface DaemonRecorder extends AsyncDisposable {
  readonly applied: readonly bgpV1.BgpConfig[];
  /** Resolves with the first configuration, received already or to come, that has it. */
  waitFor(holds: (config: bgpV1.BgpConfig) => boolean): Promise<bgpV1.BgpConfig>;
  /** From now on refuses configurations for which this gives a reason. */
  refuse(reason: (config: bgpV1.BgpConfig) => string | undefined): void;
  stop(): Promise<void>;
}

const unused = unary(() => {
  throw new RpcError('UNIMPLEMENTED', 'not needed here');
});

/** Serves the daemon's interface on a socket, as a process that was just started would. */
export async function recordDaemon(socket: string): Promise<DaemonRecorder> {
  const applied: bgpV1.BgpConfig[] = [];
  const waiters = new Set<() => void>();
  let refusal: (config: bgpV1.BgpConfig) => string | undefined = () => undefined;
  const server: RunningServer = await serveUnix(socket, [
    [
      bgpV1.BgpServiceService,
      {
        applyConfig: unary(({ config }: bgpV1.ApplyConfigRequest) => {
          if (config === undefined) throw new RpcError('INVALID_ARGUMENT', 'config is missing');
          const reason = refusal(config);
          if (reason !== undefined) throw new RpcError('INVALID_ARGUMENT', reason);
          applied.push(config);
          for (const wake of waiters) wake();
          return bgpV1.ApplyConfigResponse.fromPartial({ added: config.neighbors.length });
        }),
        getConfig: unused,
        listPeers: unused,
        listRoutes: unused,
        getStatus: unused,
      },
    ],
  ]);
  return {
    applied,
    waitFor: (holds) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = applied.find(holds);
          if (found === undefined) return;
          waiters.delete(look);
          resolve(found);
        };
        waiters.add(look);
        look();
      }),
    refuse: (reason) => {
      refusal = reason;
    },
    stop: () => server.close(),
    [Symbol.asyncDispose]: () => server.close(),
  };
}
