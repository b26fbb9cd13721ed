import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Resources } from '@calico-node/datastore';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { documents, EtcdCli, manifest } from './etcd-cli.ts';

let cli: EtcdCli;

beforeAll(async () => {
  cli = await EtcdCli.start();
});

afterAll(async () => {
  await cli[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await cli.clear();
});

async function stored(): Promise<readonly (readonly [string, string])[]> {
  const { items } = await cli.backend.list('/calico/');
  return items.map(({ key, value, revision }) => [key, `${revision} ${value}`]);
}

const pool = (spec: object = {}, metadata: object = {}): string =>
  manifest('IPPool', 'pool', { cidr: '10.1.0.0/16', ...spec }, metadata);

describe('a dry run', () => {
  it('prints the difference of each resource, in the order of the input, and writes nothing', async () => {
    await cli.succeed(
      'apply -f -',
      documents(pool({ natOutgoing: true }, { labels: { a: 'b', c: 'd' } }), manifest('Node', 'n1', {})),
    );
    const before = await stored();
    const input = documents(
      manifest('Tier', 'new', { order: 1 }),
      pool({ disabled: true }, { labels: { a: 'x' } }),
      manifest('Node', 'n1', {}),
    );
    expect(await cli.succeed('apply --dry-run -f -', input)).toBe(
      `Tier(new): created
  + spec.order: 1
  + spec.defaultAction: "Deny"
IPPool(pool): changed
  ~ metadata.labels.a: "b" -> "x"
  - metadata.labels.c: "d"
  - spec.natOutgoing: true
  + spec.disabled: true
Node(n1): unchanged
Dry run: 1 to create, 1 to change, 1 unchanged; nothing was written
`,
    );
    expect(await stored()).toEqual(before);
  });

  it('of delete, create and replace says what would be done, and what would be refused', async () => {
    await cli.succeed('apply -f -', pool());
    const before = await stored();
    expect(await cli.succeed('delete ippool pool --dry-run')).toMatch(
      /^IPPool\(pool\): deleted\n {2}- spec\.cidr: "10\.1\.0\.0\/16"\n[^]*Dry run: 1 to delete; nothing was written\n$/,
    );
    const refused = await cli.run('create --dry-run -f -', documents(pool(), manifest('Node', 'n1', {})));
    expect(refused.code).toBe(1);
    expect(refused.stdout).toBe('Node(n1): created\nDry run: 1 to create, 1 refused; nothing was written\n');
    expect(refused.stderr).toBe(
      'would fail to create: [resource already exists: IPPool(pool) (<stdin>:1: document 1)]\n',
    );
    expect(await cli.fail('replace --dry-run -f -', manifest('Node', 'n9', {}))).toContain(
      'resource does not exist: Node(n9)',
    );
    expect(await stored()).toEqual(before);
  });

  it('sees what the documents before would have written', async () => {
    const overlapping = documents(pool(), manifest('IPPool', 'other', { cidr: '10.1.128.0/17' }));
    expect(await cli.fail('apply --dry-run -f -', overlapping)).toContain('overlaps 10.1.0.0/16 of IPPool(pool)');
    expect(await stored()).toEqual([]);
  });
});

describe('diff', () => {
  it('ends with 0 where nothing would change, with 1 and the difference where something would, with 2 on errors', async () => {
    await cli.succeed('apply -f -', documents(pool(), manifest('Node', 'n1', {})));
    expect(await cli.run('diff -f -', documents(pool(), manifest('Node', 'n1', {})))).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
    expect(await cli.run('diff -f -', documents(pool({ disabled: true }), manifest('Node', 'n1', {})))).toEqual({
      code: 1,
      stdout: 'IPPool(pool): changed\n  + spec.disabled: true\n',
      stderr: '',
    });
    const bad = await cli.run('diff -f -', pool({ cidr: 'x' }));
    expect(bad).toMatchObject({ code: 2, stdout: '' });
    expect(bad.stderr).toContain('<stdin>:1: document 1: IPPool(pool): spec.cidr');
    expect((await cli.run('diff')).code).toBe(2);
    expect(await cli.run('diff -f -', pool({ blockSize: 28 }))).toMatchObject({ code: 2 });
  });
});

describe('unknown fields and invalid documents', () => {
  it('are told of and left out, or refused, as asked', async () => {
    const input = documents(pool({ natOutgoin: true }), manifest('Node', 'n1', {}));
    expect(await cli.fail('apply --strict -f -', input)).toMatch(
      /^<stdin>:1: document 1: IPPool\(pool\): spec\.natOutgoin: is not a known field/,
    );
    expect(await stored()).toEqual([]);
    expect(await cli.run('apply -f -', input)).toEqual({
      code: 0,
      stdout: 'Successfully applied 2 resource(s)\n',
      stderr:
        'warning: <stdin>:1: document 1: IPPool(pool): spec.natOutgoin: is not a known field here; it is true; the field is left out\n',
    });
  });

  it('are passed over with --skip-invalid', async () => {
    const result = await cli.run(
      'apply --skip-invalid -f -',
      documents(pool({ cidr: 'x' }), manifest('Node', 'n1', {})),
    );
    expect(result).toMatchObject({ code: 0, stdout: "Successfully applied 1 'Node' resource(s)\n" });
    expect(result.stderr).toMatch(/^skipped: <stdin>:1: document 1: IPPool\(pool\): spec\.cidr: /);
  });
});

describe('patch', () => {
  beforeEach(async () => {
    await cli.succeed(
      'create -f -',
      manifest('GlobalNetworkSet', 'set', { nets: ['10.0.0.0/8'] }, { labels: { a: 'b' } }),
    );
  });
  const patch = (type: string, changes: unknown): string[] => [
    'patch',
    'gnetset',
    'set',
    '-t',
    type,
    '-p',
    JSON.stringify(changes),
  ];
  const set = async (): Promise<unknown> => JSON.parse(await cli.succeed('get gnetset set -o json'));

  it('takes JSON patches (RFC 6902), all or nothing', async () => {
    const changes = [
      { op: 'test', path: '/spec/nets/0', value: '10.0.0.0/8' },
      { op: 'add', path: '/spec/nets/-', value: '192.0.2.0/24' },
      { op: 'remove', path: '/metadata/labels/a' },
    ];
    await cli.succeed(patch('json', changes));
    expect(await set()).toMatchObject({ spec: { nets: ['10.0.0.0/8', '192.0.2.0/24'] } });
    const wrong = [
      { op: 'remove', path: '/spec/nets/0' },
      { op: 'test', path: '/spec/nets/0', value: 'x' },
    ];
    expect(await cli.fail(patch('json', wrong))).toContain(
      'operation 1 of the JSON patch: /spec/nets/0 is "192.0.2.0/24"',
    );
    expect(await cli.fail(patch('json', {}))).toContain('must be a list of operations');
    expect(await cli.fail(patch('json', [{ op: 'replace', path: '/metadata/name', value: 'x' }]))).toContain(
      'cannot be patched',
    );
  });

  it('takes merge patches (RFC 7386), where directives of strategic ones are fields like others', async () => {
    await cli.succeed(patch('merge', { metadata: { labels: { a: null, c: 'd' } } }));
    expect(await set()).toMatchObject({ metadata: { labels: { c: 'd' } } });
    expect(await cli.fail(patch('merge', { spec: { $patch: 'delete' } }))).toContain('is not a known field');
    expect(await cli.fail(patch('other', {}))).toContain('Allowed choices are strategic, json, merge');
  });
});

describe('edit', () => {
  /** Edits with the given steps, one for each time that the editor opens; gives what the editor showed. */
  async function edit(
    ...steps: readonly ((text: string) => string | Promise<string>)[]
  ): Promise<{ shown: string[]; code: number; stdout: string; stderr: string; commands: string[] }> {
    const shown: string[] = [];
    const commands: string[] = [];
    const io = cli.io({
      env: { ...cli.env, EDITOR: 'my-editor --wait' },
      runInteractive: async (command, [path = '']) => {
        commands.push(command);
        const text = readFileSync(path, 'utf8');
        const step = steps[shown.length];
        shown.push(text);
        if (step === undefined) throw new Error('the editor was opened once more');
        writeFileSync(path, await step(text));
        return 0;
      },
    });
    return { shown, commands, ...(await cli.run('edit ippool pool', '', io)) };
  }

  beforeEach(async () => {
    await cli.succeed('create -f -', pool());
  });

  it('writes what was saved', async () => {
    const { shown, commands, ...result } = await edit((text) => text.replace('ipipMode: Never', 'ipipMode: Always'));
    expect(result).toEqual({ code: 0, stdout: 'IPPool(pool) edited\n', stderr: '' });
    expect(commands).toEqual(['my-editor --wait']);
    expect(shown[0]).toMatch(/^# Change the resource below\.[^]*\nkind: IPPool\n/);
    expect(await cli.succeed('get pool -o wide')).toContain('Always');
  });

  it('changes nothing when nothing was changed, or the file is empty', async () => {
    const before = await stored();
    expect(await edit((text) => text)).toMatchObject({ code: 0, stdout: 'Edit cancelled, no changes made.\n' });
    expect(await edit(() => '')).toMatchObject({ code: 0, stdout: 'Edit cancelled, no changes made.\n' });
    expect(await stored()).toEqual(before);
  });

  it('opens again with what is wrong on top', async () => {
    const { shown, code } = await edit(
      (text) => text.replace('blockSize: 26', 'blockSize: 99\n  colour: red'),
      (text) => text.replace('name: pool', 'name: other').replace('99\n  colour: red', '26'),
      (text) => text.replace('name: other', 'name: pool').replace('cidr: 10.1.0.0/16', 'cidr: 10.2.0.0/16'),
      (text) => text.replace('cidr: 10.2.0.0/16', 'cidr: 10.1.0.0/16\n  disabled: true'),
    );
    expect(code).toBe(0);
    expect(shown[1]).toMatch(/^# the edited file:\d+: document 1: IPPool\(pool\): spec\.(?:blockSize|colour)/);
    expect(shown[2]).toMatch(/^# The kind, name and namespace cannot be changed/);
    expect(shown[3]).toMatch(/^# IPPool\(pool\): spec\.cidr cannot be changed/);
    expect(await cli.succeed(['get', 'pool', 'pool', '-o', 'jsonpath={.spec.disabled}'])).toBe('true');
  });

  it('keeps what others changed meanwhile, and shows both', async () => {
    const resources = new Resources(cli.backend);
    const { shown, code } = await edit(
      async (text) => {
        const current = await resources.get('IPPool', 'pool');
        await resources.update({ ...current, spec: { ...current.spec, natOutgoing: true } });
        return text.replace('ipipMode: Never', 'ipipMode: Always');
      },
      (text) => text,
    );
    expect(code).toBe(0);
    expect(shown[1]).toMatch(/^# Somebody else changed the resource meanwhile/);
    expect(shown[1]).toMatch(/ipipMode: Always\n {2}natOutgoing: true/);
    const { spec } = await resources.get('IPPool', 'pool');
    expect(spec).toMatchObject({ ipipMode: 'Always', natOutgoing: true });
  });

  it('keeps the file when the editor fails or bad input is given up', async () => {
    const io = cli.io({ runInteractive: () => Promise.resolve(3) });
    const { code, stderr } = await cli.run('edit ippool pool', '', io);
    expect(code).toBe(1);
    const path = /What you saved is in (.*)\n/.exec(stderr)?.[1] ?? '';
    expect(readFileSync(path, 'utf8')).toContain('kind: IPPool');
    await rm(join(path, '..'), { recursive: true });
    const givenUp = await edit(
      (text) => text.replace('blockSize: 26', 'blockSize: 99'),
      (text) => text,
    );
    expect(givenUp).toMatchObject({ code: 1 });
    const kept = /What you saved is in (.*)\n/.exec(givenUp.stderr)?.[1] ?? '';
    expect(readFileSync(kept, 'utf8')).toContain('blockSize: 99');
    await rm(join(kept, '..'), { recursive: true });
  });
});

describe('watch', () => {
  it('shows what there is, then what becomes of it, until it is stopped', async () => {
    await cli.succeed('create -f -', documents(pool(), manifest('Node', 'n1', {})));
    const io = cli.io();
    const done = cli.run('watch ippools', '', io);
    const lines = (): string[] => io.stdout.replaceAll(/revision \d+/g, 'revision R').split('\n');
    await expect.poll(lines).toEqual(['added      IPPool(pool)   revision R', '']);
    await cli.succeed('apply -f -', pool({ disabled: true }));
    await expect
      .poll(() => lines().slice(1))
      .toEqual(['modified   IPPool(pool)   revision R', '  + spec.disabled: true', '']);
    await cli.succeed('delete ippool pool');
    await expect.poll(() => lines().at(-2)).toBe('deleted    IPPool(pool)   revision R');
    io.stop.abort();
    expect(await done).toMatchObject({ code: 0, stderr: '' });
  });

  it('can be of one resource, and as JSON or YAML', async () => {
    const named = (name: string): string => manifest('NetworkPolicy', name, {}, { namespace: 'prod' });
    await cli.succeed('create -f -', documents(named('p'), named('p2')));
    const json = cli.io();
    const yaml = cli.io();
    const running = [cli.run('watch np p -n prod -o json', '', json), cli.run('watch np -A -o yaml', '', yaml)];
    await expect.poll(() => json.stdout).toContain('\n');
    const [event, ...others] = json.stdout.trimEnd().split('\n');
    expect(others).toEqual([]);
    expect(JSON.parse(event ?? '')).toMatchObject({
      type: 'ADDED',
      object: { kind: 'NetworkPolicy', metadata: { name: 'p' } },
    });
    await expect.poll(() => yaml.stdout.match(/^type: ADDED$/gm)).toHaveLength(2);
    json.stop.abort();
    yaml.stop.abort();
    await Promise.all(running);
    expect(await cli.fail('watch np -o xml')).toContain('unrecognized output format');
  });
});

describe('export and import', () => {
  it('carry all resources into another store', async () => {
    const all = documents(
      manifest('Tier', 'security', { order: 10 }),
      manifest('GlobalNetworkPolicy', 'security.deny', { tier: 'security', selector: 'all()' }),
      pool({}, { labels: { a: 'b' } }),
      manifest('NetworkPolicy', 'p', { order: 1 }, { namespace: 'prod' }),
      manifest('Node', 'n1', { bgp: { ipv4Address: '10.0.0.1/24' } }),
      manifest('Profile', 'mine', { labelsToApply: { a: 'b' } }),
      manifest('HostEndpoint', 'eth0', { node: 'n1', interfaceName: 'eth0' }),
    );
    await cli.succeed('apply -f -', all);
    const yaml = await cli.succeed('export');
    const json = await cli.succeed('export -o json');
    expect(yaml).not.toMatch(/uid:|resourceVersion|creationTimestamp|ClusterInformation|default-allow|kube-admin/);
    expect(yaml.indexOf('kind: Tier')).toBeLessThan(yaml.indexOf('kind: GlobalNetworkPolicy'));
    const everything = async (): Promise<string> => (await cli.succeed('export')) + (await cli.succeed('get tiers'));
    const before = await everything();
    for (const text of [yaml, json]) {
      await cli.clear();
      expect(await cli.succeed('import -f -', text)).toBe('Successfully imported 7 resource(s)\n');
      expect(await everything()).toBe(before);
    }
    expect(await cli.run('diff -f -', yaml)).toMatchObject({ code: 0 });
    expect(await cli.succeed('import --skip-exists -f -', yaml)).toContain('Successfully imported 7');
    expect((await cli.succeed('export np -n prod')).match(/^kind: /gm)).toEqual(['kind: ']);
    expect(await cli.succeed('export -n dev')).toBe('');
  });
});

describe('completion', () => {
  it('knows commands, options, kinds, files and the names that are stored', async () => {
    await cli.succeed('create -f -', documents(pool(), manifest('NetworkPolicy', 'p', {}, { namespace: 'prod' })));
    const complete = async (...words: string[]): Promise<string[]> =>
      (await cli.succeed(['__complete', ...words]))
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t')[0] ?? '');
    expect(await complete('')).toEqual(expect.arrayContaining(['get', 'apply', 'ipam', 'completion']));
    expect(await complete('ipam', '')).toContain('show');
    expect(await complete('get', '')).toContain('ippool');
    expect(await complete('get', '-')).toEqual(
      expect.arrayContaining(['--output', '--help', '--allow-version-mismatch']),
    );
    expect(await complete('get', 'ippool', '')).toEqual(['pool']);
    expect(await complete('get', 'ippool', '-o', '')).toContain('yaml');
    expect(await complete('get', 'ippool', '--output=')).toContain('--output=json');
    expect(await complete('patch', 'ippool', 'pool', '-t', '')).toEqual(['strategic', 'json', 'merge']);
    expect(await complete('apply', '-f', '')).toEqual([':files']);
    expect(await complete('delete', 'np', '-n', 'prod', '')).toEqual(['p']);
    expect(await complete('completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(await complete('get', 'nodules', '')).toEqual(['']);
  });

  it('of a shell is a script that the shell takes', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'calicoctl-completion-'));
    try {
      for (const shell of ['bash', 'zsh', 'fish'])
        expect(await cli.succeed(`completion ${shell}`)).toContain('__complete');
      const path = join(directory, 'calicoctl.bash');
      writeFileSync(path, await cli.succeed('completion bash'));
      const { execFileSync } = await import('node:child_process');
      const script = `
        calicoctl() { printf 'yaml\\tx\\njson\\nyuck\\n--output=yaml\\n'; }
        source ${path}
        complete_line() {
          COMP_LINE=$1 COMP_POINT=\${#1}
          read -ra COMP_WORDS <<< "$1"; COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
          _calicoctl; echo "\${COMPREPLY[*]}"
        }
        complete_line 'calicoctl get y'
        complete_line 'calicoctl get --output=y'
        complete_line 'calicoctl get '`;
      expect(execFileSync('bash', ['-c', script], { encoding: 'utf8' })).toBe(
        'yaml yuck\nyaml\nyaml json yuck --output=yaml\n',
      );
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
