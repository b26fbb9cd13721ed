import { describe, expect, it } from 'vitest';
import { tabTable } from './tab-table.ts';

describe('a table of resources', () => {
  it('has the bytes of calicoctl get ippool', () => {
    expect(tabTable(['NAME', 'CIDR', 'SELECTOR'], [['ippool-name1', '10.0.1.0/24', "foo == 'bar'"]])).toBe(
      "NAME           CIDR          SELECTOR       \nippool-name1   10.0.1.0/24   foo == 'bar'   \n",
    );
  });

  it('keeps columns without text five wide', () => {
    expect(tabTable(['A', 'B'], [['', 'x']])).toBe('A    B    \n     x    \n');
  });

  it('counts characters, not UTF-16 units', () => {
    expect(tabTable(['NAME'], [['👋👋👋👋👋']])).toBe('NAME    \n👋👋👋👋👋   \n');
  });
});
