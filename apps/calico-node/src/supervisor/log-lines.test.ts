import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineSplitter, mergeLine } from './log-lines.ts';

const time = new Date('2026-01-02T03:04:05.678Z');

describe('LineSplitter', () => {
  test('gives the same lines however the bytes arrive', () => {
    const line = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\n'));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat({ max: 7 })), (lines, cuts) => {
        const bytes = new TextEncoder().encode(lines.map((text) => `${text}\n`).join(''));
        const got: string[] = [];
        const splitter = new LineSplitter((text) => got.push(text));
        let at = 0;
        for (const cut of cuts) {
          splitter.push(bytes.subarray(at, at + cut));
          at += cut;
        }
        splitter.push(bytes.subarray(at));
        splitter.end();
        expect(got).toEqual(lines);
      }),
    );
  });

  test('cuts an endless line instead of keeping it', () => {
    const got: number[] = [];
    const splitter = new LineSplitter((text) => got.push(text.length));
    splitter.push(new Uint8Array(200_000).fill(0x61));
    splitter.end();
    expect(got.reduce((sum, length) => sum + length, 0)).toBe(200_000);
    expect(Math.max(...got)).toBeLessThanOrEqual(65_536);
  });
});

describe('mergeLine', () => {
  test('passes a structured line with its component as it is', () => {
    const line = '{"level":"info","component":"felix","msg":"in sync"}';
    expect(mergeLine(line, 'felix', time)).toEqual({ json: line, complaint: undefined });
  });

  test('keeps what an error says as last words', () => {
    const line = '{"level":"fatal","component":"felix","err":{"message":"no such device"},"msg":"failed"}';
    expect(mergeLine(line, 'felix', time).complaint).toBe('failed: no such device');
  });

  test('takes the message of an uncaught error for last words, not what surrounds it', () => {
    const trace = [
      'node:internal/x:1',
      '  throw err;',
      '  ^',
      'Error: no such table',
      '    at f (x.ts:1)',
      '}',
      'Node.js v24.21.0',
    ];
    const complaints = trace.map((line) => mergeLine(line, 'felix', time).complaint);
    expect(complaints.filter((complaint) => complaint !== undefined)).toEqual(['Error: no such table']);
  });

  test('wraps text that is not JSON', () => {
    expect(JSON.parse(mergeLine('felix: bad flag', 'felix', time).json)).toEqual({
      level: 'warn',
      time: '2026-01-02T03:04:05.678Z',
      component: 'felix',
      msg: 'felix: bad flag',
    });
  });
});
