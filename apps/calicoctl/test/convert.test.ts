import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { describe, expect, it } from 'vitest';
import { fakeIo } from '../src/fake-io.ts';
import { runCalicoctl } from '../src/program.ts';
import type { Result } from './cli.ts';

async function convert(stdin: string, ...args: string[]): Promise<Result> {
  const io = fakeIo({ stdin });
  const code = await runCalicoctl(['convert', '-f', '-', ...args], io);
  return { code, stdout: io.stdout, stderr: io.stderr };
}

const pool = `apiVersion: v1
kind: ipPool
metadata:
  cidr: 10.1.0.0/16
spec:
  ipip:
    enabled: true
    mode: cross-subnet
  nat-outgoing: true
`;
const node = '{"apiVersion":"v1","kind":"node","metadata":{"name":"N1"},"spec":{"bgp":{"ipv4Address":"10.0.0.1/24"}}}';

describe('convert', () => {
  it('prints v3 as YAML, without defaults', async () => {
    expect(await convert(pool)).toEqual({
      code: 0,
      stderr: '',
      stdout: `apiVersion: projectcalico.org/v3
kind: IPPool
metadata:
  name: 10-1-0-0-16
spec:
  blockSize: 26
  cidr: 10.1.0.0/16
  ipipMode: CrossSubnet
  natOutgoing: true
  nodeSelector: all()
`,
    });
  });

  it('prints several as a list, also as JSON, that apply takes', async () => {
    const { stdout } = await convert(`${pool}---\n[${node},${node.replace('N1', 'n2')}]\n`, '-o', 'json');
    const documents = JSON.parse(stdout) as { kind: string; metadata: { name: string } }[];
    expect(documents.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'IPPool 10-1-0-0-16',
      'Node n1',
      'Node n2',
    ]);
    const io = fakeIo({ stdin: stdout });
    expect(await runCalicoctl(['validate', '-f', '-'], io)).toBe(0);
    const { stdout: yaml } = await convert(`${pool}---\n${node}\n`);
    expect(parseAllDocuments(yaml)).toHaveLength(1);
  });

  it('reads a file', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'calicoctl-'));
    try {
      writeFileSync(join(directory, 'v1.yaml'), pool);
      const io = fakeIo();
      expect(await runCalicoctl(['convert', '-f', join(directory, 'v1.yaml')], io)).toBe(0);
      expect(io.stdout).toContain('kind: IPPool');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('prints nothing when anything is wrong, and names every problem with its line', async () => {
    const text = `${pool}---\napiVersion: v1\nkind: policy\nmetadata:\n  name: p\nspec:\n  ingress:\n  - action: maybe\n  extra: 1\n---\nkind: v1thing\n`;
    const { code, stdout, stderr } = await convert(text);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe(`failed to execute command:
<stdin>:17: spec.ingress[0].action: "maybe" is not known
<stdin>:18: spec.extra: is not a field of the v1 API
<stdin>:20: kind: unknown resource type (v1thing) and/or version ()
`);
  });

  it('prints what v3 refuses only when told to', async () => {
    const bad = node.replace('10.0.0.1/24', 'fd00::1/64');
    const refused = await convert(bad);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("Re-run the command with '--ignore-validation' flag");
    expect((await convert(bad, '--ignore-validation')).stdout).toContain('ipv4Address: fd00::1/64');
  });

  it('refuses other formats, and input without resources', async () => {
    expect((await convert(pool, '-o', 'xml')).stderr).toContain("unrecognized output format 'xml'");
    expect((await convert('')).stderr).toContain('no resources specified in file <stdin>');
  });
});
