import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fakeIo } from '../fake-io.ts';
import { InputError, loadResources, type LoadOptions } from './load.ts';

function load(stdin: string, options: Partial<LoadOptions> = {}): ReturnType<typeof loadResources> {
  return loadResources({ filenames: ['-'], recursive: false, skipEmpty: false, ...options }, fakeIo({ stdin }));
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
