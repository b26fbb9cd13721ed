/** Builders of parsed rules and endpoints for tests. */
import { parseCidr } from '@calico-node/net';
import type { LocalWorkloadEndpoint } from '../../calc/intents.ts';
import { anyEntity, type ParsedEntity, type ParsedRule } from '../../calc/parsed-rule.ts';

export function parsedRule(
  action: ParsedRule['action'],
  {
    source,
    destination,
    ...rest
  }: Partial<Omit<ParsedRule, 'source' | 'destination'>> & {
    readonly source?: Partial<ParsedEntity>;
    readonly destination?: Partial<ParsedEntity>;
  } = {},
): ParsedRule {
  return { action, ...rest, source: { ...anyEntity, ...source }, destination: { ...anyEntity, ...destination } };
}

/** A workload on `cali1` with address 10.0.0.1, without policy and profiles. */
export function localEndpoint(settings: Partial<LocalWorkloadEndpoint> = {}): LocalWorkloadEndpoint {
  return {
    identity: { orchestratorId: 'k8s', workloadId: 'default/w', endpointId: 'eth0' },
    revision: 1n,
    adminUp: true,
    interfaceName: 'cali1',
    addresses: [parseCidr('10.0.0.1/32')],
    allowedSourcePrefixes: [],
    nats: [],
    tiers: [],
    profiles: [],
    ...settings,
  };
}
