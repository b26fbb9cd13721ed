import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@calico-node/service';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LifeNote, readPreviousLife } from './previous-life.ts';

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cnt-note-'));
  file = join(directory, 'run', 'bgp.sock.sessions');
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const note = (): LifeNote => new LifeNote(file, createLogger('test', 'silent'));

describe('the note for the next life', () => {
  it('says whose sessions were up, each once, or that none is any more', () => {
    const mine = note();
    mine.write(['b', 'a', 'b']);
    expect(readPreviousLife(file)).toEqual(new Set(['a', 'b']));
    mine.write([]);
    expect(readPreviousLife(file)).toEqual(new Set());
  });

  it('is not there before the first session', () => {
    note().write([]);
    expect(readPreviousLife(file)).toBeUndefined();
  });

  it('counts for ten minutes from when it was last said to hold', () => {
    const mine = note();
    mine.write(['a']);
    const old = Date.now() / 1000 - 601;
    utimesSync(file, old, old);
    expect(readPreviousLife(file)).toBeUndefined();
    mine.touch();
    expect(readPreviousLife(file)).toEqual(new Set(['a']));
  });

  it('does not count in another boot or network namespace', () => {
    note().write(['a']);
    const [table = '', ...peers] = readFileSync(file, 'utf8').split('\n');
    for (const other of [table.replace(/^./, 'x'), table.replace(/\[\d+\]$/, '[1]'), '']) {
      writeFileSync(file, [other, ...peers].join('\n'));
      expect(readPreviousLife(file)).toBeUndefined();
    }
  });

  it('that cannot be written costs nothing else', () => {
    writeFileSync(join(directory, 'run'), '');
    expect(() => {
      note().write(['a']);
    }).not.toThrow();
    expect(readPreviousLife(file)).toBeUndefined();
  });
});
