import type { Intent } from '../../src/calc/intents.ts';
import { endpoint, netSet, policy, removeEndpoint, rule, setId } from './intents.ts';

export const addresses = { client: '10.65.0.1', server: '10.65.0.2', late: '10.65.0.3' } as const;

/** Ports that the server's policy allows in the first state, in the second, in both, and in neither. */
export const ports = { first: 80, second: 81, always: 2100, never: 82 } as const;

/** Many rules, so that a transaction takes its time; the last lets clients reach one port. */
function server(count: number, port: number): Intent {
  const allow = (each: number): ReturnType<typeof rule> =>
    rule('allow', {
      protocol: 6,
      source: { sets: [setId('clients')] },
      destination: { ports: [{ first: each, last: each }] },
    });
  return policy('server', [...Array.from({ length: count }, (_, index) => allow(2000 + index)), allow(port)]);
}

export const common: readonly Intent[] = [
  netSet('clients', [`${addresses.client}/32`]),
  policy('client', [], [rule('allow')]),
  endpoint('1', addresses.client, ['client']),
  endpoint('2', addresses.server, ['server']),
];

/** From one to the other rules, ports and endpoints change, all in one apply. */
export const states: Readonly<Record<'first' | 'second', readonly Intent[]>> = {
  first: [removeEndpoint('3'), server(300, ports.first)],
  second: [server(310, ports.second), endpoint('3', addresses.late, ['server'])],
};
