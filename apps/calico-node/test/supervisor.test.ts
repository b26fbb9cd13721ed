import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@calico-node/service';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ComponentSpec, ComponentStatus } from '../src/supervisor/component.ts';
import { endOrphans, findOrphans, orphanMark } from '../src/supervisor/orphans.ts';
import { Supervisor } from '../src/supervisor/supervisor.ts';

let dir: string;
let supervisor: Supervisor | undefined;
let lines: string[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cnt-supervisor-'));
  lines = [];
});

afterEach(async () => {
  await supervisor?.stop();
  supervisor = undefined;
  await endOrphans(dir);
  rmSync(dir, { recursive: true, force: true });
});

/** A component whose program is the given script. */
function component(name: string, script: string, extra: Partial<ComponentSpec> = {}): ComponentSpec {
  return {
    name,
    command: process.execPath,
    args: ['-e', script],
    argv0: name,
    env: { PATH: process.env['PATH'], [orphanMark]: dir },
    after: [],
    ...extra,
  };
}

const stay = 'setInterval(() => {}, 1000);';

function start(...components: ComponentSpec[]): Supervisor {
  supervisor = new Supervisor({
    components,
    log: createLogger('test', 'silent'),
    onLine: (json) => lines.push(json),
    gateLimitMs: 300,
  });
  supervisor.start();
  return supervisor;
}

const statusOf = (name: string): ComponentStatus => supervisor!.statuses().find((status) => status.name === name)!;
const eventually = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 10_000, interval: 10 });

describe('the supervisor', () => {
  test('starts what was killed again at once', async () => {
    start(component('a', stay));
    await eventually(() => {
      expect(statusOf('a').ready).toBe(true);
    });
    const { pid } = statusOf('a');
    process.kill(pid, 'SIGKILL');
    await eventually(() => {
      expect(statusOf('a').restarts).toBe(1);
      expect(statusOf('a').pid).toBeGreaterThan(0);
    });
    expect(statusOf('a').pid).not.toBe(pid);
    expect(statusOf('a').lastExit).toBe('signal SIGKILL');
  });

  test('gives the verdict on a crash loop with the last words', async () => {
    start(component('a', 'console.error("no such table"); process.exit(3)'));
    await eventually(() => {
      expect(statusOf('a')).toMatchObject({ phase: 'crash-loop', ready: false, lastExit: 'exit code 3' });
    });
    expect(statusOf('a').reason).toMatch(
      /^crash loop: ended 5 times within \d+ s, last with exit code 3: no such table$/,
    );
    expect(supervisor!.causes()).toEqual([
      {
        name: 'a',
        chain: statusOf('a').reason,
        remedy: 'its last words tell what is wrong; it is tried again every 5 s',
      },
    ]);
  });

  test('says when a program does not exist', async () => {
    start(component('a', '', { command: '/does/not/exist' }));
    await eventually(() => {
      expect(statusOf('a').lastExit).toContain('ENOENT');
    });
  });

  test('merges the logs into lines that name their component', async () => {
    const script = 'console.error(JSON.stringify({component: "a", msg: "one"})); console.log("two");';
    start(component('a', script + stay));
    await eventually(() => {
      expect(lines).toHaveLength(2);
    });
    const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records).toContainEqual({ component: 'a', msg: 'one' });
    expect(records).toContainEqual(expect.objectContaining({ component: 'a', msg: 'two' }));
  });

  test('does not hold back a component for longer than the gate allows', async () => {
    const never = { readinessUrl: 'http://127.0.0.1:1/readiness' };
    start(component('a', stay, never), component('b', stay, { after: ['a'] }));
    expect(statusOf('b').phase).toBe('waiting');
    await eventually(() => {
      expect(statusOf('b').ready).toBe(true);
    });
    expect(statusOf('a').ready).toBe(false);
    expect(supervisor!.causes()).toMatchObject([{ name: 'a', chain: 'nobody serves http://127.0.0.1:1/readiness' }]);
  });

  test('is ready when the process says so, and repeats its reasons until then', async () => {
    const script = `let ok = false;
      const server = require('http').createServer((request, response) => {
        if (request.url === '/ok') ok = true;
        const body = { ok, components: [{ name: 'datastore', ok, reason: 'refused' }] };
        response.writeHead(ok ? 200 : 503).end(JSON.stringify(body));
      }).listen(0, '127.0.0.1', () => require('fs').writeFileSync(process.argv[1], String(server.address().port)));`;
    const portFile = join(dir, 'port');
    const { createServer } = await import('node:net');
    const reserved = createServer().listen(0, '127.0.0.1');
    await once(reserved, 'listening');
    const { port } = reserved.address() as { port: number };
    reserved.close();
    await once(reserved, 'close');
    const url = `http://127.0.0.1:${port}`;
    start(
      component('a', script.replace('listen(0', `listen(${port}`), {
        args: ['-e', script.replace('listen(0', `listen(${port}`), portFile],
        readinessUrl: `${url}/readiness`,
      }),
    );
    await eventually(() => {
      expect(statusOf('a').reason).toBe('datastore: refused');
    });
    await fetch(`${url}/ok`);
    await eventually(() => {
      expect(statusOf('a').ready).toBe(true);
    });
  });

  test('changes the log level of a process that runs, and of the one after it', async () => {
    const script = `const { writeSync } = require('fs');
      const say = (msg) => writeSync(2, JSON.stringify({ component: 'a', msg }) + '\\n');
      say(process.env.CALICO_LOG_LEVEL ?? 'none');
      process.on('message', ({ logLevel }) => say('now ' + logLevel));`;
    start(component('a', script + stay, { takesMessages: true }), component('foreign', stay));
    const said = (): string[] => lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
    await eventually(() => {
      expect(said()).toEqual(['none']);
    });
    const { pid } = statusOf('a');
    expect(supervisor!.setLogLevel('a', 'debug')).toBe('set');
    expect(supervisor!.setLogLevel('b', 'debug')).toBe('unknown');
    expect(supervisor!.setLogLevel('foreign', 'debug')).toBe('foreign');
    expect(supervisor!.setLogLevel('', 'debug')).toBe('set');
    await eventually(() => {
      expect(said()).toEqual(['none', 'now debug', 'now debug']);
    });
    expect(statusOf('a').pid).toBe(pid);
    process.kill(pid, 'SIGKILL');
    await eventually(() => {
      expect(said().slice(3)).toEqual(['debug']);
    });
  });

  test('starts a process only when the file that it needs is there, and says what it waits for', async () => {
    const path = join(dir, 'needed.cfg');
    start(component('maker', stay), component('a', stay, { needsFile: { path, madeBy: 'maker' } }));
    await eventually(() => {
      expect(supervisor!.causes()).toMatchObject([{ name: 'a', chain: `${path} is not there yet` }]);
    });
    writeFileSync(path, '');
    await eventually(() => {
      expect(supervisor!.causes()).toEqual([]);
    });
  });

  test('asks a process to end in its own way, and uses SIGTERM when that fails', async () => {
    const script = (name: string): string =>
      `const put = (how) => require('fs').writeFileSync('${dir}/${name}', how);
       process.on('SIGTERM', () => { put('SIGTERM'); process.exit(); });
       process.on('SIGUSR1', () => { put('asked'); process.exit(); }); console.log('up');`;
    const kindly = component('kindly', script('kindly') + stay, {
      end: () => Promise.resolve(void process.kill(statusOf('kindly').pid, 'SIGUSR1')),
    });
    const deaf = component('deaf', script('deaf') + stay, { end: () => Promise.reject(new Error('no answer')) });
    start(kindly, deaf);
    await eventually(() => {
      expect(lines).toHaveLength(2);
    });
    await supervisor!.stop();
    expect(readFileSync(join(dir, 'kindly'), 'utf8')).toBe('asked');
    expect(readFileSync(join(dir, 'deaf'), 'utf8')).toBe('SIGTERM');
  });

  test('stops in reverse order, and by force what does not listen', async () => {
    const stopped: string[] = [];
    supervisor = new Supervisor({
      components: [
        component('a', stay),
        component('deaf', 'process.on("SIGTERM", () => {}); console.log("up");' + stay),
        component('c', stay),
      ],
      log: createLogger('test', 'silent'),
      onLine: (json) => lines.push(json),
      onChange: (status) => {
        if (status.phase === 'stopped') stopped.push(status.name);
      },
    });
    supervisor.start();
    await eventually(() => {
      expect(supervisor!.causes()).toEqual([]);
      expect(lines).toHaveLength(1);
    });
    const pids = supervisor.statuses().map((status) => status.pid);
    await supervisor.stop();
    expect(stopped).toEqual(['c', 'deaf', 'a']);
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});

describe('orphans', () => {
  test('of a killed supervisor are found by their mark and ended, others are left alone', async () => {
    const script = join(dir, 'supervisor.mjs');
    const source = join(import.meta.dirname, '../src/supervisor');
    const spec = { ...component('a', stay), argv0: 'a' };
    writeFileSync(
      script,
      `import { Supervisor } from ${JSON.stringify(join(source, 'supervisor.ts'))};
       import { createLogger } from ${JSON.stringify(join(import.meta.dirname, '../../../libs/service/src/index.ts'))};
       const components = [${JSON.stringify(spec)}];
       new Supervisor({ components, log: createLogger('x', 'silent'), onLine: () => {}, onChange: (s) => {
         if (s.ready) console.log('up');
       }}).start();`,
    );
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const orphans = findOrphans(dir);
    expect(orphans).toHaveLength(1);
    expect(findOrphans(`${dir}/other`)).toEqual([]);
    expect(await endOrphans(dir)).toEqual(orphans);
    expect(findOrphans(dir)).toEqual([]);
  });
});

describe('as process 1', () => {
  test('takes the end of what others left behind, and not that of its own children', async () => {
    const script = join(dir, 'init.mjs');
    const source = join(import.meta.dirname, '../src/supervisor');
    writeFileSync(
      script,
      `import { spawn } from 'node:child_process';
       import { readdirSync, readFileSync } from 'node:fs';
       import { reapWhenTold } from ${JSON.stringify(join(source, 'reaper.ts'))};
       const own = new Set();
       const reaper = reapWhenTold(() => own);
       const zombies = () => readdirSync('/proc').filter((pid) => {
         try { return / Z /.test(readFileSync('/proc/' + pid + '/stat', 'latin1')); } catch { return false; }
       }).length;
       // Each leaves a grandchild behind that ends a little later, with nobody but us to wait for it.
       const codes = await Promise.all([0, 1, 2].map((code) => new Promise((resolve) => {
         const child = spawn('sh', ['-c', 'sleep 0.1 & exit ' + code]);
         own.add(child.pid);
         child.on('exit', (got) => { own.delete(child.pid); resolve(got); });
       })));
       const deadline = Date.now() + 10_000;
       while (Date.now() < deadline && readdirSync('/proc').filter((name) => Number(name) > 1).length > 0) {
         await new Promise((resolve) => setTimeout(resolve, 10));
       }
       console.log(JSON.stringify({ pid: process.pid, codes, zombies: zombies(), left: readdirSync('/proc').filter((name) => Number(name) > 1).length }));
       reaper[Symbol.dispose]();`,
    );
    const args = ['--pid', '--fork', '--mount-proc', '--kill-child', process.execPath, script];
    const child = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(child, 'close');
    expect(JSON.parse(Buffer.concat(chunks).toString())).toEqual({ pid: 1, codes: [0, 1, 2], zombies: 0, left: 0 });
  });
});
