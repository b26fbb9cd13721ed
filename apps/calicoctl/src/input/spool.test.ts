import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { Spool } from './spool.ts';

describe('a spool', () => {
  it.each([1, 50, 1 << 20])(
    'gives what was added, in order, more than once, with %i characters in memory',
    async (limit) => {
      await using spool = new Spool<object>(limit);
      const values = Array.from({ length: 40 }, (_, index) => ({ index, text: 'é\n"'.repeat(index % 5) }));
      for (const value of values.slice(0, 30)) await spool.add(value);
      expect(await Array.fromAsync(spool.items())).toEqual(values.slice(0, 30));
      for (const value of values.slice(30)) await spool.add(value);
      expect(await Array.fromAsync(spool.items())).toEqual(values);
      expect(spool.count).toBe(40);
      expect(readdirSync(tmpdir()).filter((name) => name.startsWith('calicoctl-') && name.length === 46)).toEqual([]);
    },
  );

  it('holds nothing at first', async () => {
    await using spool = new Spool();
    expect(await Array.fromAsync(spool.items())).toEqual([]);
  });
});
