import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { chdir, cwd } from 'node:process';
import { Ipam } from '@calico-node/ipam';
import { felixStatusKey } from '@calico-node/model';
import { parseIp } from '@calico-node/net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest, startCli, type Cli } from './cli.ts';

let cli: Cli;
const home = cwd();

beforeAll(async () => {
  cli = await startCli();
  chdir(cli.directory); // the archive is made where the user is
});

afterAll(async () => {
  chdir(home);
  await cli[Symbol.asyncDispose]();
});

describe('cluster diags', () => {
  it('collects every kind, IPAM, and what is known of each node', async () => {
    const documents = [
      manifest('IPPool', 'pool', { cidr: '10.65.0.0/16' }),
      ...['n1', 'n2', 'n3'].map((name) => manifest('Node', name, {})),
    ];
    await cli.succeed('create -f -', documents.join('\n---\n'));
    await new Ipam(cli.backend).assignIp({ ip: parseIp('10.65.0.5'), nodeName: 'n2', handleId: 'h' });
    await cli.backend.put(felixStatusKey('n2'), '{"time":"2026-01-02T03:04:05Z","uptime":5,"first_update":false}');
    const stdout = await cli.succeed('cluster diags --since=1h --max-logs=2 --focus-nodes=n3,n2');
    expect(stdout).toMatch(/^==== Begin collecting diagnostics\. ====\nCreated temporary directory: /);
    expect(stdout).toContain('Run `calicoctl node diags` on the nodes.');
    expect(stdout).toMatch(
      /Collecting detailed diags for node n3\.\.\.\nCollecting detailed diags for node n2\.\.\.\n/,
    );
    expect(stdout).not.toContain('node n1');
    expect(stdout).toMatch(/Diagnostic bundle created at \.\/calico-diagnostics-20260102_\d{6}\.tar\.gz\n$/);
    const temporary = /^Created temporary directory: (.*)$/m.exec(stdout)?.[1] ?? '';
    expect(() => readdirSync(temporary)).toThrow('ENOENT');

    const archive = readdirSync('.').find((name) => name.endsWith('.tar.gz')) ?? '';
    execFileSync('tar', ['-xzf', archive]);
    const read = (name: string): string => readFileSync(join(archive.replace('.tar.gz', ''), name), 'utf8');
    expect(read('cluster/ippools.yaml')).toContain('cidr: 10.65.0.0/16');
    expect(read('cluster/clusterinformations.yaml')).toContain('datastoreReady: true');
    expect(read('ipam/blocks.txt')).toContain('/calico/ipam/v2/assignment/ipv4/block/10.65.0.0-26');
    expect(read('ipam/handles.txt')).toContain('/calico/ipam/v2/handle/h ');
    expect(read('nodes/n2.txt')).toMatch(/^Node n2\nFelix alive:\n {2}\{"time"/);
    expect(read('nodes/n2.txt')).toContain('  10.65.0.0/26 {"state":"confirmed","deleted":false}\n');
    expect(read('nodes/n3.txt')).toContain('  no: it has not reported lately\n');
    expect(read('errors.txt')).toBe('');
    expect(readdirSync(join(archive.replace('.tar.gz', ''), 'cluster')).length).toBeGreaterThan(20);
  });

  it('keeps the directory on request, and refuses flags that are wrong', async () => {
    const stdout = await cli.succeed('cluster diags --skip-temp-dir-cleanup');
    const temporary = /^Created temporary directory: (.*)$/m.exec(stdout)?.[1] ?? '';
    expect(readdirSync(temporary)).toHaveLength(1);
    rmSync(temporary, { recursive: true });
    expect(await cli.fail('cluster diags --since=1x')).toContain('invalid duration "1x"');
    expect(await cli.fail('cluster diags --max-logs=-1')).toContain('invalid --max-logs');
  });
});
