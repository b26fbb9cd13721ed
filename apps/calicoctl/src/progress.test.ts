import { describe, expect, it } from 'vitest';
import { Progress } from './progress.ts';

function play(errIsTerminal: boolean): string {
  let text = '';
  let nowMs = 5000;
  const io = {
    errIsTerminal,
    now: () => new Date(nowMs),
    err: (output: string) => {
      text += output;
    },
  };
  const progress = new Progress(io, 'applied', 400);
  for (let done = 1; done <= 250; done++) {
    nowMs += 10;
    progress.tick(done, done > 150 ? 1 : 0);
  }
  progress.end();
  return text;
}

describe('the progress of a command', () => {
  it('is told after a second, then each second', () => {
    expect(play(false)).toBe('applied 100 of 400 resources (100/s)\napplied 200 of 400 resources, 1 failed (100/s)\n');
  });

  it('on a terminal is one line, gone in the end', () => {
    const states = play(true).split('\r\u001b[K');
    expect(states).toHaveLength(18);
    expect(states.slice(1, 3)).toEqual([
      'applied 100 of 400 resources (100/s)',
      'applied 110 of 400 resources (100/s)',
    ]);
    expect(states.at(-1)).toBe('');
  });
});
