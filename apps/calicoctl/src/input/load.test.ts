import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fakeIo } from '../fake-io.ts';
import type { LoadedResource, LoadOptions } from './load.ts';
import { InputError } from './problems.ts';
import { stageResources } from './stage.ts';

async function load(
  stdin: string,
  options: Partial<LoadOptions> = {},
  io = fakeIo({ stdin }),
): Promise<LoadedResource[]> {
  const all = { filenames: ['-'], recursive: false, skipEmpty: false, strict: true, ...options };
  await using staged = await stageResources(all, io);
  return await Array.fromAsync(staged.items());
}

async function refusal(stdin: string, options: Partial<LoadOptions> = {}): Promise<string> {
  try {
    await load(stdin, options);
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  throw new Error('the input was accepted');
}

const policy = (name: string, rest = ''): string => `apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata:
  name: ${name}
${rest}`;

describe('loading resources', () => {
  it('gives namespaced resources a namespace: their own, the one asked for, or default', async () => {
    const namespaces = async (text: string, namespace?: string): Promise<unknown[]> =>
      (await load(text, { namespace })).map(({ resource }) => resource.metadata.namespace);
    expect(await namespaces(`${policy('a')}---\n${policy('b', '  namespace: prod\n')}`)).toEqual(['default', 'prod']);
    expect(await namespaces(policy('a'), 'dev')).toEqual(['dev']);
    expect(await refusal(policy('b', '  namespace: prod\n'), { namespace: 'dev' })).toContain('does not match');
  });

  it('refuses the whole input for one bad document, naming file, line, document, path and reason of each problem', async () => {
    const text = `${policy('good')}---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata:
  name: bad
spec:
  selektor: all()
  ingress:
  - action: Alow
---
${policy('fine')}`;
    const message = await refusal(text);
    expect(message).toMatch(
      /^<stdin>:11: document 2: GlobalNetworkPolicy\(bad\): spec\.selektor: is not a known field/m,
    );
    expect(message).toMatch(
      /^<stdin>:13: document 2: GlobalNetworkPolicy\(bad\): spec\.ingress\[0\]\.action: .*"Alow"/m,
    );
    expect(message).toMatch(/2 problems were found; nothing was changed$/);
  });

  it.each([
    [
      'apiVersion: projectcalico.org/v3\nkind: Nodule\nmetadata: {name: x}\n',
      'unknown resource type (Nodule) and/or version (projectcalico.org/v3)',
    ],
    ['apiVersion: v1\nkind: Node\nmetadata: {name: x}\n', 'unknown resource type (Node) and/or version (v1)'],
    ['kind: Node\nmetadata: {name: x}\n', 'apiVersion is missing'],
    ['just text\n', 'not an object'],
    ['a: [\n', '<stdin>:'],
    ['', 'no resources specified in file <stdin>'],
    ['apiVersion: projectcalico.org/v3\nkind: Node\nmetadata: {name: x, namespace: y}\n', 'Node is not namespaced'],
    [
      'apiVersion: projectcalico.org/v3\nkind: Node\nmetadata: {name: x}\nspec: {}\nspec: {}\n',
      '<stdin>:5: document 1',
    ],
    ['apiVersion: projectcalico.org/v3\nkind: Node\n', 'metadata'],
  ])('refuses %j', async (text, reason) => {
    expect(await refusal(text)).toContain(reason);
  });

  it('tells of unknown fields, with their places, and leaves them out unless it is strict', async () => {
    const io = fakeIo({ stdin: policy('p', 'spec:\n  order: 1\n  selektor: x\n') });
    const [loaded] = await load('', { strict: false }, io);
    expect(loaded?.resource.spec).toMatchObject({ order: 1 });
    expect(loaded?.resource.spec).not.toHaveProperty('selektor');
    expect(io.stderr).toBe(
      'warning: <stdin>:7: document 1: NetworkPolicy(default/p): spec.selektor: is not a known field here; it is "x"; the field is left out\n',
    );
  });

  it('leaves out what is not valid when asked to, and tells of it', async () => {
    const io = fakeIo({
      stdin: `${policy('a')}---\nkind: [\n---\n${policy('b', 'spec: {order: x}\n')}---\n${policy('c')}`,
    });
    const loaded = await load('', { skipInvalid: true }, io);
    expect(loaded.map(({ resource, position }) => [resource.metadata.name, position])).toEqual([
      ['a', { file: '<stdin>', document: 1, line: 1 }],
      ['c', { file: '<stdin>', document: 4, line: 14 }],
    ]);
    expect(io.stderr).toMatch(/^skipped: <stdin>:\d+: document 2: /m);
    expect(io.stderr).toMatch(/^skipped: <stdin>:12: document 3: NetworkPolicy\(default\/b\): spec\.order: /m);
  });

  it('lists no more problems than can be read', async () => {
    const message = await refusal(`${policy('p', 'spec: {order: x}\n')}---\n`.repeat(150));
    expect(message.split('\n')).toHaveLength(102);
    expect(message).toMatch(/\n\.\.\. and 50 more\n150 problems were found; nothing was changed$/);
  });

  it('lets an empty input pass when asked to', async () => {
    expect(await load('# nothing\n', { skipEmpty: true })).toEqual([]);
  });
});

describe('a directory', () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'calicoctl-input-'));
    mkdirSync(join(directory, 'deeper'));
    const node = (name: string): string => `apiVersion: projectcalico.org/v3\nkind: Node\nmetadata:\n  name: ${name}\n`;
    writeFileSync(join(directory, 'b.yaml'), node('b'));
    writeFileSync(join(directory, 'a.YML'), node('a'));
    writeFileSync(
      join(directory, 'c.json'),
      '{"apiVersion": "projectcalico.org/v3", "kind": "Node", "metadata": {"name": "c"}}',
    );
    writeFileSync(join(directory, 'notes.txt'), 'not for calicoctl');
    writeFileSync(join(directory, 'deeper', 'd.yaml'), node('d'));
  });
  afterAll(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  it('is read by its YAML and JSON files in the order of their names, its directories on request', async () => {
    const names = async (recursive: boolean): Promise<string[]> =>
      (await load('', { filenames: [directory], recursive })).map(({ resource }) => resource.metadata.name);
    expect(await names(false)).toEqual(['a', 'b', 'c']);
    expect(await names(true)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('that does not exist is an error', async () => {
    await expect(load('', { filenames: [join(directory, 'missing')] })).rejects.toThrow('no such file');
  });
});
