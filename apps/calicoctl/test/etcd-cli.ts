import { connectDatastore, loadDatastoreConfig, type Backend } from '@calico-node/datastore';
import { startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { expect } from 'vitest';
import { fakeIo, type FakeIo, type FakeIoFields } from '../src/fake-io.ts';
import { runCalicoctl } from '../src/program.ts';

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** calicoctl against an etcd of its own. */
export class EtcdCli implements AsyncDisposable {
  readonly etcd: EtcdProcess;
  readonly backend: Backend;

  constructor(etcd: EtcdProcess) {
    this.etcd = etcd;
    this.backend = connectDatastore(loadDatastoreConfig({ env: environmentOf(etcd) }));
  }

  static async start(): Promise<EtcdCli> {
    return new EtcdCli(await startEtcd());
  }

  get env(): Record<string, string> {
    return environmentOf(this.etcd);
  }

  io(fields: FakeIoFields = {}): FakeIo {
    return fakeIo({ env: this.env, ...fields });
  }

  /** Runs a command; arguments are separated by single spaces. */
  async run(line: string | readonly string[], stdin = '', io = this.io({ stdin })): Promise<Result> {
    const code = await runCalicoctl(typeof line === 'string' ? line.split(' ') : line, io);
    return { code, stdout: io.stdout, stderr: io.stderr };
  }

  /** Runs a command that must succeed; gives its output. */
  async succeed(line: string | readonly string[], stdin = ''): Promise<string> {
    const { code, stdout, stderr } = await this.run(line, stdin);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  }

  /** Runs a command that must fail; gives what it said on standard error. */
  async fail(line: string | readonly string[], stdin = ''): Promise<string> {
    const { code, stderr } = await this.run(line, stdin);
    expect(code).toBe(1);
    return stderr;
  }

  async clear(): Promise<void> {
    for (const { key } of (await this.backend.list('/calico/')).items) await this.backend.delete(key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.backend.close();
    await this.etcd.stop();
  }
}

function environmentOf(etcd: EtcdProcess): Record<string, string> {
  return { DATASTORE_TYPE: 'etcdv3', ETCD_ENDPOINTS: etcd.endpoints.join(',') };
}

export function manifest(kind: string, name: string, spec: object, metadata: object = {}): string {
  return `${JSON.stringify({ apiVersion: 'projectcalico.org/v3', kind, metadata: { name, ...metadata }, spec })}\n`;
}

/** As one input. */
export function documents(...texts: readonly string[]): string {
  return texts.join('---\n');
}
