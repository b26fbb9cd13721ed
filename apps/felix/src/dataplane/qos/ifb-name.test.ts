import { expect, test } from 'vitest';
import { ifbNameOf } from './ifb-name.ts';

test('has the name that Calico gives it', () => {
  expect(ifbNameOf('cali12345')).toBe('bwcalice408a044');
});
