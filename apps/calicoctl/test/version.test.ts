import { Resources } from '@calico-node/datastore';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { fakeIo } from '../src/fake-io.ts';
import { runCalicoctl } from '../src/program.ts';
import { startCli, type Cli } from './cli.ts';

let cli: Cli;

beforeAll(async () => {
  cli = await startCli();
});

afterAll(() => cli[Symbol.asyncDispose]());

describe('version --poll', () => {
  it("shows the cluster's version, then what changes, until it is interrupted", async () => {
    const resources = new Resources(cli.backend);
    const io = fakeIo({ env: cli.environment });
    const ended = runCalicoctl(['version', '--poll=5ms'], io);
    await vi.waitFor(() => {
      expect(io.stdout).toMatch(/Cluster Version: {3}unknown\nCluster Type: {6}unknown\n$/);
    });
    await resources.ensureInitialized({ calicoVersion: 'v3.20.0' });
    await vi.waitFor(() => {
      expect(io.stdout).toMatch(/unknown\nCluster Version: {3}v3\.20\.0\n$/);
    });
    io.stop.abort();
    expect(await ended).toBe(0);
    expect(io.stderr).toBe('');
  });

  it('refuses what is no duration', async () => {
    expect(await cli.fail('version --poll=often')).toBe('invalid poll duration specified: often\n');
  });
});
