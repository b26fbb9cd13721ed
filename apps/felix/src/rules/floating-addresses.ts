import { familyOf, hostCidr, type Family } from '@calico-node/net';
import type { AddressTranslation, LocalWorkloadEndpoint } from '../calc/intents.ts';
import { chain, hook, rule } from './build.ts';
import { jump, matchNet } from './matches.ts';
import type { Chain, Hook } from './model.ts';
import { chainNames } from './names.ts';
import { openstackMetadata } from './openstack.ts';
import type { RuleOptions } from './options.ts';

/** What is sent to an address that leads elsewhere is looked at before it is routed, the host's own packets too. */
export function translationHooks({ floatingIps, openstack }: RuleOptions): readonly Hook[] {
  return [
    ...(floatingIps || openstack?.metadata !== undefined
      ? [hook('nat', 'prerouting', [rule([], jump(chainNames.prerouting))])]
      : []),
    ...(floatingIps ? [hook('nat', 'output', [rule([], jump(chainNames.output))])] : []),
  ];
}

/** The chains that those hooks lead to. */
export function renderTranslationChains(family: Family, options: RuleOptions): readonly Chain[] {
  const toFloating = options.floatingIps ? [rule([], jump(chainNames.floatingDnat))] : [];
  return translationHooks(options).map((entry) =>
    entry.hook === 'output'
      ? chain('nat', chainNames.output, toFloating)
      : chain('nat', chainNames.prerouting, [...toFloating, ...openstackMetadata(family, options)]),
  );
}

/**
 * The chains that send what is for a floating address to the workload that has it (FelixConfiguration floatingIPs). A
 * workload that reaches itself so sees the floating address at the other end, as it would from elsewhere.
 */
export function renderFloatingChains(
  endpoints: Iterable<Pick<LocalWorkloadEndpoint, 'nats'>>,
  family: Family,
  { floatingIps }: RuleOptions,
): readonly Chain[] {
  if (!floatingIps) return [];
  const translations = translationsOf(endpoints, family);
  return [
    chain(
      'nat',
      chainNames.floatingDnat,
      translations.map(({ internal, external }) =>
        rule([matchNet('destination', hostCidr(external))], { kind: 'dnat', address: internal }),
      ),
    ),
    chain(
      'nat',
      chainNames.floatingSnat,
      translations.map(({ internal, external }) =>
        rule([matchNet('source', hostCidr(internal)), matchNet('destination', hostCidr(internal))], {
          kind: 'snat',
          address: external,
        }),
      ),
    ),
  ];
}

/** One for each floating address, in the order of addresses: of several claims the first counts. */
function translationsOf(
  endpoints: Iterable<Pick<LocalWorkloadEndpoint, 'nats'>>,
  family: Family,
): readonly AddressTranslation[] {
  const claims = [...endpoints]
    .flatMap(({ nats }) => nats)
    .filter(({ internal, external }) => familyOf(internal) === family && familyOf(external) === family)
    .sort((a, b) => compare(a.external, b.external) || compare(a.internal, b.internal));
  return claims.filter(({ external }, index) => external !== claims[index - 1]?.external);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
