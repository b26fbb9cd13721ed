import { performance } from 'node:perf_hooks';
import { connectDatastore, type Backend } from '@calico-node/datastore';
import {
  Ipam,
  maxBatch,
  NodeAllocator,
  rehearseAllocations,
  type WarmOutcome,
  type WarmRequest,
} from '@calico-node/ipam';
import { ipamConfigKey } from '@calico-node/model';
import { ipamV1, serveUnix, unary, type UnaryContext } from '@calico-node/rpc';
import { settleHeap, sleep, type Reporter, type ServiceContext } from '@calico-node/service';
import { readConfig } from './config.ts';
import { LookAhead } from './look-ahead.ts';
import {
  assignIp,
  autoAssign,
  autoAssignAnswer,
  releaseAnswer,
  releaseByHandle,
  releaseIps,
  warmAutoAssign,
  warmRelease,
} from './requests.ts';
import { toRpcError } from './rpc-errors.ts';
import { serveBatch, type Work } from './serve-batch.ts';
import { registerMetrics } from './service-metrics.ts';
import { WorkQueue } from './work-queue.ts';

/** More than this many waiting calls would not be served before their callers give up. */
const queueLimit = 512;

/** How long one call to the store may take. */
const storeTimeoutMs = 5000;

/** How often the store is asked whether it answers, in milliseconds: while it does, and while it does not. */
const probeMs = { healthy: 5000, failing: 1000 };

/** Serves the node's address management until the signal fires. */
export async function runIpam(context: ServiceContext): Promise<void> {
  const { log, signal, metrics, health } = context;
  const config = readConfig(context);
  const backend = connectDatastore(config.datastore, { log });
  const ipam = new Ipam(backend, { timeoutMs: storeTimeoutMs });
  const allocator = new NodeAllocator(backend, config.nodeName, { timeoutMs: storeTimeoutMs });
  const queue = new WorkQueue<Work, undefined>({
    limit: queueLimit,
    batchSize: maxBatch,
    keyOf: ({ warm }) => warm?.request.handleId,
    serve: (works) => serveBatch(allocator, works, counted.served),
    whenIdle: () => ahead.look(),
  });
  const ahead = new LookAhead(allocator, log);
  const counted = registerMetrics(metrics.registry, () => queue.length);

  /** A call: queued, counted, its errors translated. */
  function call<Req, Res>(name: string, ways: (request: Req, signal: AbortSignal) => Ways<Res>) {
    return unary<Req, Res>(async (request: Req, caller: UnaryContext) => {
      const start = performance.now();
      let code = 'OK';
      try {
        const { warm, cold } = ways(request, caller.signal);
        let response: Res | undefined;
        const work: Work = {
          warm: warm && { request: warm.request, accept: (outcome) => (response = warm.answer(outcome)) !== undefined },
          cold: async () => {
            response = await cold();
          },
        };
        await queue.run(work, caller.signal);
        if (response === undefined) throw new Error(`${name} was served without an answer`);
        return response;
      } catch (error) {
        const refusal = toRpcError(error);
        code = refusal.code;
        log[code === 'INTERNAL' ? 'error' : 'warn']({ method: name, code, err: error }, 'call refused');
        throw refusal;
      } finally {
        counted.ended(name, code, (performance.now() - start) / 1000);
      }
    });
  }

  const { nodeName } = config;
  const service: ipamV1.IpamServiceServer = {
    autoAssign: call('AutoAssign', (request: ipamV1.AutoAssignRequest, caller) => {
      const warm = warmAutoAssign(request, nodeName);
      if (warm !== undefined) ahead.expectAnother(warm);
      return {
        warm: fromMemory(warm, autoAssignAnswer),
        cold: () => autoAssign(ipam, request, nodeName, caller),
      };
    }),
    assignIp: call('AssignIp', (request: ipamV1.AssignIpRequest, caller) => ({
      warm: undefined,
      cold: () => assignIp(ipam, request, nodeName, caller),
    })),
    releaseByHandle: call('ReleaseByHandle', (request: ipamV1.ReleaseByHandleRequest, caller) => ({
      warm: fromMemory(warmRelease(request), releaseAnswer),
      cold: () => releaseByHandle(ipam, request, caller),
    })),
    releaseIps: call('ReleaseIps', (request: ipamV1.ReleaseIpsRequest, caller) => ({
      warm: undefined,
      cold: () => releaseIps(ipam, request, caller),
    })),
  };
  try {
    await using server = await serveUnix(config.socket, [[ipamV1.IpamServiceService, service]]);
    log.info({ node: config.nodeName, socket: config.socket }, 'serving');
    rehearseAllocations(backend, config.nodeName, { timeoutMs: storeTimeoutMs })
      .catch((error: unknown) => {
        log.debug({ err: error }, 'could not rehearse ahead of the first call');
      })
      .finally(async () => {
        if (queue.length === 0) await ahead.look();
        settleHeap(signal);
      });
    await probeStore(backend, health.register('datastore'), signal);
    await server.close();
  } finally {
    backend.close();
  }
}

/** How one kind of call is served: from memory, if it can be, and from the store. */
interface Ways<Res> {
  readonly warm:
    { readonly request: WarmRequest; readonly answer: (outcome: WarmOutcome) => Res | undefined } | undefined;
  readonly cold: () => Promise<Res>;
}

function fromMemory<Res>(
  request: WarmRequest | undefined,
  answer: (outcome: WarmOutcome) => Res | undefined,
): Ways<Res>['warm'] {
  return request && { request, answer };
}

/** Says whether the store answers, until the signal fires. */
async function probeStore(backend: Backend, reporter: Reporter, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    let wait = probeMs.healthy;
    try {
      await backend.get(ipamConfigKey, { timeoutMs: storeTimeoutMs, signal });
      reporter.report({ ready: true });
    } catch (error) {
      wait = probeMs.failing;
      reporter.report({ ready: false, reason: error instanceof Error ? error.message : String(error) });
    }
    await sleep(wait, signal);
  }
}
