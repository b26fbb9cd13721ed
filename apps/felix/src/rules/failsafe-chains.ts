import { familyOf, type Family } from '@calico-node/net';
import type { FailsafePort } from '@calico-node/policy';
import { chain, rule } from './build.ts';
import { accept, matchNet, matchPorts, matchProtocol } from './matches.ts';
import type { Chain, Layer, Rule, Side } from './model.ts';
import { chainNames } from './names.ts';
import type { RuleOptions } from './options.ts';

/**
 * What host endpoints' policy can't close, in each layer that has policy of theirs. Raw policy knows no connections, so
 * there the answers are let through too.
 */
export function renderFailsafeChains(family: Family, { failsafes }: RuleOptions): readonly Chain[] {
  const { inbound, outbound } = failsafes;
  const render = (ports: readonly FailsafePort[], other: Side, port: Side): readonly Rule[] =>
    ports
      .filter(({ net }) => net === undefined || familyOf(net) === family)
      .map(({ protocol, port: number, net }) =>
        rule(
          [
            matchProtocol(protocol),
            ...(net === undefined ? [] : [matchNet(other, net)]),
            matchPorts(port, [{ first: number, last: number }]),
          ],
          accept,
        ),
      );
  return (['raw', 'mangle', 'filter'] as const).flatMap((layer: Layer) => {
    const answersIn = layer === 'raw' ? render(outbound, 'source', 'source') : [];
    const answersOut = layer === 'raw' ? render(inbound, 'destination', 'source') : [];
    return [
      chain(layer, chainNames.failsafeIn, [...render(inbound, 'source', 'destination'), ...answersIn]),
      chain(layer, chainNames.failsafeOut, [...render(outbound, 'destination', 'destination'), ...answersOut]),
    ];
  });
}
