import { describe } from 'vitest';
import { describeFields, specOf } from '../testing/rules.ts';

describe('IPReservation', () => {
  describeFields(specOf('IPReservation'), {
    reservedCIDRs: [
      [[], ['10.0.0.1', '10.0.0.0/30', 'fd00::1', 'fd00::/64']],
      [['10.0.0.1/30'], ['x'], [''], '10.0.0.1'],
    ],
  });
});
