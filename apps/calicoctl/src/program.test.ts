import { describe, expect, it } from 'vitest';
import { fakeIo } from './fake-io.ts';
import { buildProgram, runCalicoctl } from './program.ts';

async function run(...argv: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const io = fakeIo();
  return { code: await runCalicoctl(argv, io), stdout: io.stdout, stderr: io.stderr };
}

describe('the command line', () => {
  it('declares, for a word that names a command, that command', () => {
    const io = fakeIo();
    const all = buildProgram(io).commands.map((command) => command.name());
    expect(new Set(all).size).toBe(all.length);
    for (const name of all) {
      expect(buildProgram(io, [name]).commands.map((command) => command.name())).toContain(name);
      expect(buildProgram(io, ['-l', 'info', name, 'x']).commands.map((command) => command.name())).toContain(name);
    }
  });

  it('lists every command in its help, whatever else is said', async () => {
    for (const argv of [['--help'], ['-h'], ['help'], ['--help', 'get']]) {
      const { code, stdout } = await run(...argv);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^ {2}get /m);
      expect(stdout).toMatch(/^ {2}ipam /m);
    }
    expect((await run('get', '--help')).stdout).toContain('--all-namespaces');
  });

  it('refuses what it does not know with exit code 1', async () => {
    expect(await run('frobnicate')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('unknown command') as string,
    });
    expect((await run('get', '--frobnicate')).code).toBe(1);
    expect((await run('completion', 'tcsh')).stderr).toContain('Allowed choices are bash, zsh, fish');
  });
});
