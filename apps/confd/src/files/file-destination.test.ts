import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NotApplied } from '../destination.ts';
import { FileDestination } from './file-destination.ts';
import type { FileSet } from './file-set.ts';

let directory: string;
let calls: string[];
let refuse: (text: string) => string | undefined;
let isRunning: boolean;
let destination: FileDestination;
const { signal } = new AbortController();

/** A daemon whose main file includes nothing but is checked; `calls` has what was asked of it, in order. */
function start(keepsStaged = false): FileDestination {
  return new FileDestination(
    join(directory, 'config'),
    {
      check: (mainFile) => {
        calls.push(`check ${readdirSync(join(mainFile, '..')).join(' ')}`);
        const reason = refuse(readFileSync(mainFile, 'utf8'));
        return reason === undefined
          ? Promise.resolve()
          : Promise.reject(new NotApplied('refused', `${mainFile}:1:1 ${reason}`));
      },
      reload: (name) => {
        calls.push(`reload ${name}`);
        return isRunning ? Promise.resolve() : Promise.reject(new NotApplied('unreachable', 'not running'));
      },
    },
    keepsStaged,
  );
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'calico-files-'));
  calls = [];
  refuse = () => undefined;
  isRunning = true;
  destination = start();
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function fileSet(name: string, main: string, included = 'included', isSecret = false): FileSet {
  const files = [
    { name: `${name}_ipam.cfg`, text: included },
    { name: `${name}.cfg`, text: main },
  ];
  return { name, main: `${name}.cfg`, files, isSecret };
}

const read = (name: string): string => readFileSync(join(directory, 'config', name), 'utf8');

describe('files for a daemon', () => {
  it('are written, checked as a whole before, and read by the daemon after', async () => {
    expect(await destination.apply([fileSet('bird', 'one')], signal)).toEqual({
      written: ['bird_ipam.cfg', 'bird.cfg'],
      reloaded: ['bird'],
    });
    expect(calls).toEqual(['check bird.cfg bird_ipam.cfg', 'reload bird']);
    expect([read('bird.cfg'), read('bird_ipam.cfg')]).toEqual(['one', 'included']);
    expect(readdirSync(join(directory, 'config'))).toEqual(['bird.cfg', 'bird_ipam.cfg']);
  });

  it('are left alone, and the daemon too, when nothing changed', async () => {
    await destination.apply([fileSet('bird', 'one')], signal);
    calls = [];
    expect(await destination.apply([fileSet('bird', 'one')], signal)).toBeUndefined();
    expect(calls).toEqual([]);
  });

  it('are replaced where they changed only, or were changed by somebody else', async () => {
    await destination.apply([fileSet('bird', 'one')], signal);
    expect(await destination.apply([fileSet('bird', 'two')], signal)).toMatchObject({ written: ['bird.cfg'] });
    writeFileSync(join(directory, 'config', 'bird_ipam.cfg'), 'edited');
    expect(await destination.apply([fileSet('bird', 'two')], signal)).toMatchObject({ written: ['bird_ipam.cfg'] });
  });

  it('that the check refuses leave the old ones, and say why', async () => {
    await destination.apply([fileSet('bird', 'one')], signal);
    calls = [];
    refuse = (text) => (text === 'two' ? 'syntax error' : undefined);
    const failure = destination.apply([fileSet('bird', 'two', 'also new')], signal);
    await expect(failure).rejects.toMatchObject({
      code: 'refused',
      message: 'bird.cfg is not replaced: bird.cfg:1:1 syntax error',
    });
    expect([read('bird.cfg'), read('bird_ipam.cfg')]).toEqual(['one', 'included']);
    expect(calls).toEqual(['check bird.cfg bird_ipam.cfg']);
    expect(readdirSync(join(directory, 'config'))).toEqual(['bird.cfg', 'bird_ipam.cfg']);
  });

  it('stay staged as well where they are to be kept, refused ones too', async () => {
    destination = start(true);
    await destination.apply([fileSet('bird', 'one')], signal);
    expect([read('bird.cfg'), read('.bird.staged/bird.cfg')]).toEqual(['one', 'one']);
    refuse = () => 'syntax error';
    await expect(destination.apply([fileSet('bird', 'two')], signal)).rejects.toThrow('syntax error');
    expect([read('bird.cfg'), read('.bird.staged/bird.cfg')]).toEqual(['one', 'two']);
    expect(readdirSync(join(directory, 'config', '.bird.staged'))).toEqual(['bird.cfg', 'bird_ipam.cfg']);
  });

  it("of one daemon do not wait for another's", async () => {
    refuse = (text) => (text === 'bad' ? 'syntax error' : undefined);
    await expect(destination.apply([fileSet('bird', 'bad'), fileSet('bird6', 'good')], signal)).rejects.toThrow(
      'syntax error',
    );
    expect(read('bird6.cfg')).toBe('good');
    expect(calls).toContain('reload bird6');
    expect(calls).not.toContain('reload bird');
  });

  it('are read again once the daemon is there', async () => {
    isRunning = false;
    await expect(destination.apply([fileSet('bird', 'one')], signal)).rejects.toMatchObject({ code: 'unreachable' });
    expect(read('bird.cfg')).toBe('one');
    isRunning = true;
    expect(await destination.apply([fileSet('bird', 'one')], signal)).toEqual({ written: [], reloaded: ['bird'] });
  });

  it('are read again after a start, since the last may have ended before the daemon was told', async () => {
    await destination.apply([fileSet('bird', 'one')], signal);
    expect(await start().apply([fileSet('bird', 'one')], signal)).toEqual({ written: [], reloaded: ['bird'] });
  });

  it('with passwords are for their owner only', async () => {
    const mode = (): number => statSync(join(directory, 'config', 'bird.cfg')).mode & 0o777;
    await destination.apply([fileSet('bird', 'one')], signal);
    expect(mode()).toBe(0o644);
    await destination.apply([fileSet('bird', 'one', 'included', true)], signal);
    expect(mode()).toBe(0o600);
  });

  // Others may not give files away.
  it.runIf(process.getuid?.() === 0)('belong to whom they are given to, kept stages or not', async () => {
    const set = fileSet('bird', 'one');
    const owned = { ...set, files: set.files.map((file) => ({ ...file, owner: { uid: 12, gid: -1 } })) };
    const owner = (): number => statSync(join(directory, 'config', 'bird.cfg')).uid;
    await destination.apply([set], signal);
    expect(owner()).toBe(0);
    await destination.apply([owned], signal);
    expect(owner()).toBe(12);
    expect(await destination.apply([owned], signal)).toBeUndefined();
    await start(true).apply(
      [{ ...owned, files: [...owned.files.slice(0, -1), { ...owned.files.at(-1)!, text: 'two' }] }],
      signal,
    );
    expect([owner(), read('bird.cfg')]).toEqual([12, 'two']);
  });

  it('that can not be written are tried again', async () => {
    writeFileSync(join(directory, 'config'), 'a file');
    await expect(destination.apply([fileSet('bird', 'one')], signal)).rejects.toMatchObject({ code: 'unreachable' });
  });
});
