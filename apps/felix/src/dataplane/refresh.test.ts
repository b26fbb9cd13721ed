import { expect, test } from 'vitest';
import { filterRefreshSeconds, refreshPeriodically } from './refresh.ts';

test('each part is looked at again and again until the end, and never where its interval is 0', async () => {
  const stop = new AbortController();
  const seen: string[] = [];
  const look = (name: string, seconds: number) => ({
    seconds,
    run: () => {
      seen.push(name);
      if (seen.length === 6) stop.abort();
    },
  });
  await refreshPeriodically([look('routes', 0.01), look('filter', 0.01), look('interfaces', 0)], stop.signal);
  expect(new Set(seen)).toEqual(new Set(['routes', 'filter']));
  expect(seen).toHaveLength(6);
});

test('the packet filter is read as often as its own parameters say', () => {
  const values = { NftablesRefreshInterval: 180, IptablesRefreshInterval: 180, IpsetsRefreshInterval: 90 };
  expect(filterRefreshSeconds(values, 'nftables')).toBe(180);
  expect(filterRefreshSeconds({ ...values, NftablesRefreshInterval: 0 }, 'nftables')).toBe(0);
  expect(filterRefreshSeconds(values, 'iptables')).toBe(90);
  expect(filterRefreshSeconds({ ...values, IpsetsRefreshInterval: 0 }, 'iptables')).toBe(180);
  expect(filterRefreshSeconds({ ...values, IpsetsRefreshInterval: 0, IptablesRefreshInterval: 0 }, 'iptables')).toBe(0);
});
