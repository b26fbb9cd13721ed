import { describe, expect, it } from 'vitest';
import { separateWatchers, watchersFor } from './watchers.ts';

describe('watchersFor', () => {
  it('watches together what lies beside one another, and alone what does not', () => {
    const prefixes = ['/x/policies/', '/x/endpoints/', '/x/ipam/blocks/', '/y/'];
    expect(watchersFor({ prefixes, fromRevision: 5n, inOrder: true }).map(({ range }) => range)).toEqual([
      '/x/',
      '/x/ipam/blocks/',
      '/y/',
    ]);
    expect(separateWatchers({ prefixes, fromRevision: 5n }).map(({ range }) => range)).toEqual(prefixes);
  });

  it('watches each alone where nobody asks for their order', () => {
    const wanted = { prefixes: ['/x/a/', '/x/b/'], fromRevision: 5n };
    expect(watchersFor(wanted)).toEqual(separateWatchers(wanted));
  });

  it('watches no whole store for the sake of order', () => {
    const prefixes = ['/a/', '/b/', 'c', 'd', ''];
    expect(watchersFor({ prefixes, fromRevision: 5n, inOrder: true }).map(({ range }) => range)).toEqual(prefixes);
  });

  it('begins where the one that was told least is, and gives each prefix its own beginning', () => {
    const told = new Map([['/x/a/', 7n]]);
    expect(watchersFor({ prefixes: ['/x/a/', '/x/b/'], fromRevision: 5n, told, inOrder: true })).toEqual([
      {
        range: '/x/',
        from: 5n,
        prefixes: new Map([
          ['/x/a/', 8n],
          ['/x/b/', 5n],
        ]),
      },
    ]);
  });
});
