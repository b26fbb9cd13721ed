import { expect, test } from 'vitest';
import { bucketOf } from './bucket.ts';

test('counts in bytes and lets the queue hold the burst and 25 ms', () => {
  expect(bucketOf({ rate: 8_000_000, burst: 800_000 }, 1500)).toEqual({
    rate: 1_000_000,
    burst: 100_000,
    limit: 125_000,
  });
});

test('lets a whole frame pass, however small the burst', () => {
  expect(bucketOf({ rate: 1000, burst: 1000 }, 1500)).toEqual({ rate: 125, burst: 1514, limit: 1518 });
  expect(bucketOf({ rate: 1000, burst: 1000 }, 9000).burst).toBe(9014);
});

test('bounds a burst by time and by 32 bits', () => {
  expect(bucketOf({ rate: 8_000_000 }, 1500).burst).toBe(4_290_000);
  expect(bucketOf({ rate: 1e15 }, 1500)).toMatchObject({ rate: 125e12, burst: 2 ** 29, limit: 2 ** 32 - 1 });
  expect(bucketOf({ rate: 1e15, burst: 34_359_738_360 }, 1500).burst).toBe(2 ** 32 - 1);
});

test('limits the queue by a peak rate, which is above the rate', () => {
  const limit = { rate: 8_000_000, burst: 800_000 };
  expect(bucketOf({ ...limit, peakRate: 16_000_000, peakBurst: 100 }, 1500)).toMatchObject({
    limit: 51_514,
    peak: { rate: 2_000_000, burst: 1514 },
  });
  expect(bucketOf({ ...limit, peakRate: 8_000_001 }, 1500).peak).toEqual({ rate: 1_000_001, burst: 1514 });
});
