import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CallStream, callUnary, connectUnix, ipamV1 } from '@calico-node/rpc';

/** Who gives addresses in the benchmark. */
export interface Allocator extends AsyncDisposable {
  assign(handleId: string): Promise<void>;
  release(handleId: string): Promise<void>;
}

/** The `ipam` service, as the plug-ins use it. */
export async function startService(endpoint: string, nodeName: string): Promise<Allocator> {
  const runDir = mkdtempSync(join(tmpdir(), 'calico-bench-ipam-'));
  const main = join(import.meta.dirname, '../../../apps/ipam/src/main.ts');
  const child = spawn(process.execPath, [main, '--node-name', nodeName, '--health-address', 'off'], {
    env: { PATH: process.env['PATH'], CALICO_RUN_DIR: runDir, ETCD_ENDPOINTS: endpoint, CALICO_LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const socket = join(runDir, 'ipam.sock');
  const service = new CallStream(socket);
  const { autoAssign, releaseByHandle } = ipamV1.IpamServiceService;
  const options = { timeoutMs: 60_000 };
  const allocator: Allocator = {
    assign: async (handleId) => {
      const use = ipamV1.IntendedUse.WORKLOAD;
      const request = ipamV1.AutoAssignRequest.fromPartial({ num4: 1, handleId, use, attributes: { node: nodeName } });
      await service.call(autoAssign, request, options);
    },
    release: async (handleId) => {
      await service.call(releaseByHandle, { handleId }, options);
    },
    [Symbol.asyncDispose]: async () => {
      service.close();
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
      rmSync(runDir, { recursive: true, force: true });
    },
  };
  const client = connectUnix(ipamV1.IpamServiceClient, socket);
  await callUnary(client.releaseByHandle.bind(client), { handleId: 'nobody' }, { ...options, waitForReady: true });
  client.close();
  return allocator;
}

interface Reply {
  readonly id: number;
  readonly error?: string;
}

/** A process that reads and writes the store per request. */
export async function startCold(
  endpoint: string,
  nodeName: string,
  writes: 'together' | 'in-turn',
): Promise<Allocator> {
  const child = fork(join(import.meta.dirname, 'cold-server.ts'), [endpoint, nodeName, writes]);
  const waiting = new Map<number, PromiseWithResolvers<undefined>>();
  let next = 0;
  child.on('message', ({ id, error }: Reply) => {
    const call = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) call?.resolve(undefined);
    else call?.reject(new Error(error));
  });
  await once(child, 'message');
  const ask = (type: string, handleId: string): Promise<undefined> => {
    const id = next++;
    const call = Promise.withResolvers<undefined>();
    waiting.set(id, call);
    child.send({ id, type, handleId });
    return call.promise;
  };
  return {
    assign: (handleId) => ask('assign', handleId),
    release: (handleId) => ask('release', handleId),
    [Symbol.asyncDispose]: async () => {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}
