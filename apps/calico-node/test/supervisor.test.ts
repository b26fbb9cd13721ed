import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
    expect(supervisor!.causes()).toEqual([`a: ${statusOf('a').reason}`]);
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
    expect(supervisor!.causes()).toEqual(['a: nobody serves http://127.0.0.1:1/readiness']);
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

  test('starts a process anew with another log level', async () => {
    start(
      component(
        'a',
        'console.error(JSON.stringify({component: "a", msg: process.env.CALICO_LOG_LEVEL ?? "none"}));' + stay,
      ),
    );
    await eventually(() => {
      expect(lines).toHaveLength(1);
    });
    expect(supervisor!.setLogLevel('a', 'debug')).toBe(true);
    expect(supervisor!.setLogLevel('b', 'debug')).toBe(false);
    await eventually(() => {
      expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(['none', 'debug']);
    });
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
