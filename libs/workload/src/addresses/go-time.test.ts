import { expect, it } from 'vitest';
import { goTimeString } from './go-time.ts';

it('prints times as Go does', () => {
  expect(goTimeString(new Date('2026-01-02T03:04:05.120Z'))).toBe('2026-01-02 03:04:05.12 +0000 UTC');
  expect(goTimeString(new Date('2026-01-02T03:04:05.000Z'))).toBe('2026-01-02 03:04:05 +0000 UTC');
});
