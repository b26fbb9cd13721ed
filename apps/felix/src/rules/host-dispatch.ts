import { chain, dispatchMap, rule } from './build.ts';
import type { HostAttachment } from './host-chains.ts';
import { isAskedUntracked } from './host-chains.ts';
import { goTo, matchInterfacePrefix, returnToCaller } from './matches.ts';
import type { Chain, DispatchMap, Layer } from './model.ts';
import { chainNames, hostChainName, type HostChainKind } from './names.ts';
import type { RuleOptions } from './options.ts';

interface Dispatch {
  readonly layer: Layer;
  readonly kind: HostChainKind;
}

const dispatches: readonly Dispatch[] = [
  { layer: 'raw', kind: 'from' },
  { layer: 'raw', kind: 'to' },
  { layer: 'mangle', kind: 'from' },
  { layer: 'mangle', kind: 'to' },
  { layer: 'filter', kind: 'from' },
  { layer: 'filter', kind: 'to' },
  { layer: 'filter', kind: 'from-forward' },
  { layer: 'filter', kind: 'to-forward' },
];

const names: Readonly<Record<HostChainKind, string>> = {
  from: chainNames.fromHostDispatch,
  to: chainNames.toHostDispatch,
  'from-forward': chainNames.fromHostForwardDispatch,
  'to-forward': chainNames.toHostForwardDispatch,
};

/** Interface name to host endpoint's chain, in each layer that asks; attachments have distinct interfaces. */
export function renderHostDispatchMaps(
  attachments: readonly HostAttachment[],
  options: RuleOptions,
): readonly DispatchMap[] {
  return dispatches.map(({ layer, kind }) => {
    const asked = attachments.filter(
      (attachment) => attachment.interfaceName !== '*' && (layer !== 'raw' || isAskedUntracked(attachment)),
    );
    const entries = asked.map(({ interfaceName }) => ({
      interfaceName,
      chain: hostChainName(interfaceName, kind, options.maxChainNameLength),
    }));
    return dispatchMap(layer, names[kind], kind.startsWith('from') ? 'in-interface' : 'out-interface', entries);
  });
}

/** The chains that look into the maps, and go on to the endpoint `*` where there is one. */
export function renderHostDispatchChains(hasWildcard: boolean, options: RuleOptions): readonly Chain[] {
  return dispatches.map(({ layer, kind }) => {
    const toWorkloads =
      layer === 'mangle' && kind === 'to'
        ? options.interfacePrefixes.map((prefix) =>
            rule(
              [matchInterfacePrefix('out', prefix)],
              returnToCaller,
              'Traffic to local workloads is theirs to decide on',
            ),
          )
        : [];
    const toAny = rule([], goTo(hostChainName('*', kind, options.maxChainNameLength)));
    return chain(layer, names[kind], [
      rule([], { kind: 'dispatch', map: names[kind] }),
      ...(hasWildcard && layer !== 'raw' ? [...toWorkloads, toAny] : []),
    ]);
  });
}
