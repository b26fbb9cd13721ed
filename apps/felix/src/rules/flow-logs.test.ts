import { describe, expect, it } from 'vitest';
import type { PolicyId } from '../calc/policy-id.ts';
import { flowLogOfNoProfile, flowLogOfRule, flowLogOfTierEnd } from './flow-logs.ts';

const policy = (id: string) => ({ type: 'policy', id: id as PolicyId }) as const;
const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

describe('the prefix of a log', () => {
  it.each([
    [flowLogOfRule(policy('np/namespace1/default.policy'), 'ingress', 0, 'allow'), 'API0|np/namespace1/default.policy'],
    [flowLogOfRule({ type: 'profile', id: 'short.profile.name' }, 'egress', 999, 'pass'), 'PRE999|short.profile.name'],
    [flowLogOfTierEnd('deny', 'egress', 'tier-1'), 'DPE|tier-1'],
    [flowLogOfTierEnd('pass', 'ingress', 'tier-1'), 'PPI|tier-1'],
    [flowLogOfNoProfile('ingress'), 'DRI'],
    [flowLogOfNoProfile('egress'), 'DRE'],
  ])('says the rule: %j', (log, prefix) => {
    expect(log.prefix).toBe(prefix);
  });

  // Calico's own values.
  it('is left alone up to 62 characters, and hashed from 63 on, as Calico does', () => {
    const fits = flowLogOfRule(policy(`gnp/${letters}`), 'egress', 88, 'deny');
    expect(fits.prefix).toBe(`DPE88|gnp/${letters}`);
    const longer = flowLogOfRule(policy(`gnp/${letters}0`), 'ingress', 88, 'deny');
    expect(longer.prefix).toBe('DPI88|gnp/_12IXaBPahNM7a7dZhI8zg6PStmHsgneYaax8LVSIq_RSTUVWXYZ0');
    const tier = flowLogOfTierEnd('deny', 'ingress', 'tier-012345678901234567890123456789012345678901234567890123');
    expect(tier.prefix).toBe('DPI|tier-0_phEfG4Vhbq2xh4TQsePNa2X9YRj5peCVw1FgaNSbd_4567890123');
  });

  it('goes to the group of its direction', () => {
    expect(flowLogOfNoProfile('ingress').group).toBe(1);
    expect(flowLogOfNoProfile('egress').group).toBe(2);
  });
});
