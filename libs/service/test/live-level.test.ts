import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';

let child: ChildProcess | undefined;

afterEach(async () => {
  if (child?.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
});

/** A service that says something at `debug` whenever it reads a line, through a logger made from its own. */
function start(lines: string[]): ChildProcess {
  const service = join(import.meta.dirname, '../src/index.ts');
  const script = `
    import { runService } from ${JSON.stringify(service)};
    await runService({ name: 'x', description: 'x', healthAddress: 'off', run: async ({ log, signal }) => {
      const part = log.child({ part: 'a' });
      process.stdin.on('data', () => { part.debug('heard'); part.info('told'); });
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      process.stdin.destroy();
    }});`;
  const started = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['pipe', 'inherit', 'pipe', 'ipc'],
  });
  started.stderr!.setEncoding('utf8').on('data', (text: string) => {
    for (const line of text.trim().split('\n')) lines.push((JSON.parse(line) as { msg: string }).msg);
  });
  child = started;
  return started;
}

test('the level of a running process follows its supervisor and SIGUSR2', async () => {
  const lines: string[] = [];
  const service = start(lines);
  const say = async (): Promise<string[]> => {
    const before = lines.length;
    service.stdin!.write('\n');
    await expect.poll(() => lines.slice(before)).toContain('told');
    return lines.slice(before).filter((line) => line !== 'log level changes');
  };
  expect(await say()).toEqual(['told']);
  service.send({ logLevel: 'debug' });
  await expect.poll(say).toEqual(['heard', 'told']);
  service.send({ logLevel: 'nonsense' });
  expect(await say()).toEqual(['heard', 'told']);
  service.send({ logLevel: 'info' });
  await expect.poll(say).toEqual(['told']);
  service.kill('SIGUSR2');
  await expect.poll(say).toEqual(['heard', 'told']);
  service.kill('SIGUSR2');
  await expect.poll(say).toEqual(['told']);
  const exited = once(service, 'exit');
  service.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
});
