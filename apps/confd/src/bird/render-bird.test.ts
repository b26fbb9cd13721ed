import { describe, expect, it } from 'vitest';
import { node, peer, store, threeNodes } from '../derive/fixtures.ts';
import { birdCases } from './cases.ts';
import { functionSymbol } from './filter-functions.ts';
import { goldenText } from './golden.ts';
import { renderBirdFiles } from './render-bird.ts';

describe('the files of BIRD', () => {
  it.each(birdCases)('are the golden ones: $name', async ({ name, resources, options }) => {
    await expect(goldenText(renderBirdFiles(resources, options))).toMatchFileSnapshot(`golden/${name}.txt`);
  });

  it('do not depend on the order in which the store gives its resources', () => {
    for (const { resources, options } of birdCases) {
      const reversed = Object.fromEntries(
        Object.entries(resources).map(([kind, items]: [string, readonly unknown[]]) => [kind, items.toReversed()]),
      );
      expect(renderBirdFiles(store(reversed), options).config).toEqual(renderBirdFiles(resources, options).config);
    }
  });

  it('are marked as secret only when a password is in them', () => {
    const options = { nodeName: 'n2', secretOf: () => 'secret' };
    const password = { secretKeyRef: { name: 'bgp', key: 'tor' } };
    const secret = [peer('tor', { peerIP: '192.0.2.1', password })];
    const isSecret = (peers: typeof secret): boolean[] =>
      renderBirdFiles(store({ nodes: threeNodes, peers }), options).config.map((set) => set.isSecret);
    expect(isSecret(secret)).toEqual([true, false]);
    expect(isSecret([])).toEqual([false, false]);
  });

  it('keep what is in the store from becoming configuration', () => {
    const evil = node('n9\n}', { ipv4Address: '10.0.0.9/24' });
    const { config } = renderBirdFiles(store({ nodes: [evil] }), { nodeName: 'n9\n}' });
    expect(config[0]?.files.every(({ text }) => !text.includes('\n}\n}'))).toBe(true);
  });
});

describe('the functions of filters', () => {
  it('have names that BIRD can read, each its own', () => {
    const names = ['plain', 'a.b-c', 'x'.repeat(45), 'x'.repeat(46), `${'x'.repeat(46)}y`, "it's", 'it"s'];
    const symbols = names.map((name) => functionSymbol(name, 'import', 4));
    expect(symbols[0]).toBe("'bgp_plain_importFilterV4'");
    expect(symbols[2]).toContain('x'.repeat(45));
    expect(new Set(symbols).size).toBe(names.length);
    for (const symbol of symbols) expect(symbol).toMatch(/^'[A-Za-z0-9_.-]{1,64}'$/);
  });
});
