import { expect, test } from 'vitest';
import type { PolicyUpdate } from '../calc/intents.ts';
import { policyIdOf, type PolicyName } from '../calc/policy-id.ts';
import { defaultRuleOptions } from './options.ts';
import { renderPolicyChains, renderProfileChains } from './policy-chains.ts';
import { parsedRule } from './testing/parsed.ts';

const rules = { ingress: [parsedRule('log')], egress: [] };

/** What the first Log rule says. */
function said(logPrefix: string, policy?: PolicyName): string | undefined {
  const options = { ...defaultRuleOptions, logPrefix };
  const chains =
    policy === undefined
      ? renderProfileChains({ type: 'profile-update', name: 'kns.x', isForHosts: false, ...rules }, 4, options)
      : renderPolicyChains(
          {
            type: 'policy-update',
            id: policyIdOf(policy),
            policy,
            tier: 'first',
            stage: 'normal',
            isForHosts: false,
            ...rules,
          } satisfies PolicyUpdate,
          4,
          options,
        );
  const action = chains[0]?.rules[0]?.action;
  return action?.kind === 'log' ? action.prefix : undefined;
}

const local: PolicyName = { kind: 'NetworkPolicy', namespace: 'shop', name: 'web' };
const global: PolicyName = { kind: 'GlobalNetworkPolicy', name: 'all' };

test.each([
  ['calico-packet', local, 'calico-packet'],
  ['%t|%k|%n|%p', local, 'first|np|web|shop/web'],
  ['%t|%k|%n|%p', global, 'first|gnp|all|all'],
  ['%t|%k|%n|%p', undefined, '|pro|kns.x|kns.x'],
  ['%%k %x%', global, '%gnp %x%'],
  ['', global, 'calico-packet'],
] as const)('the prefix %j says for %j %j', (template, policy, text) => {
  expect(said(template, policy)).toBe(text);
});
