import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectDatastore, loadDatastoreConfig, type Backend } from '@calico-node/datastore';
import { startEtcd } from '@calico-node/datastore/testing';
import { expect } from 'vitest';
import { fakeIo } from '../src/fake-io.ts';
import { runCalicoctl } from '../src/program.ts';

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** calicoctl with an etcd of its own, and a directory for files. */
export interface Cli extends AsyncDisposable {
  readonly backend: Backend;
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  run(args: readonly string[], stdin?: string): Promise<Result>;
  /** Runs a command line, split at spaces, that must succeed; gives its output. */
  succeed(line: string, stdin?: string): Promise<string>;
  /** Runs a command line that must fail; gives what it said on standard error. */
  fail(line: string, stdin?: string): Promise<string>;
  /** Empties the datastore. */
  clear(): Promise<void>;
}

export async function startCli(): Promise<Cli> {
  const directory = mkdtempSync(join(tmpdir(), 'calicoctl-'));
  const etcd = await startEtcd();
  const environment = {
    DATASTORE_TYPE: 'etcdv3',
    ETCD_ENDPOINTS: etcd.endpoints.join(','),
    CALICO_RUN_DIR: directory,
    CALICO_LIB_DIR: directory,
    PATH: process.env['PATH'] ?? '',
  };
  const backend = connectDatastore(loadDatastoreConfig({ env: environment }));
  async function run(args: readonly string[], stdin = ''): Promise<Result> {
    const io = fakeIo({ stdin, env: environment });
    const code = await runCalicoctl(args, io);
    return { code, stdout: io.stdout, stderr: io.stderr };
  }
  return {
    backend,
    directory,
    environment,
    run,
    succeed: async (line, stdin) => {
      const { code, stdout, stderr } = await run(line.split(' '), stdin);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return stdout;
    },
    fail: async (line, stdin) => {
      const { code, stderr } = await run(line.split(' '), stdin);
      expect(code).toBe(1);
      return stderr;
    },
    clear: async () => {
      for (const { key } of (await backend.list('/calico/')).items) await backend.delete(key);
    },
    [Symbol.asyncDispose]: async () => {
      backend.close();
      await etcd.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A v3 document as JSON. */
export function manifest(kind: string, name: string, spec: object, metadata: object = {}): string {
  return JSON.stringify({ apiVersion: 'projectcalico.org/v3', kind, metadata: { name, ...metadata }, spec });
}
