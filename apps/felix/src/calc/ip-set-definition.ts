import type { Selector } from '@calico-node/selector';
import { namedPortSetId, selectorSetId, serviceSetId, type IpSetId, type NamedPortProtocol } from './ip-set.ts';

/** What a set that a rule refers to consists of. */
export type IpSetDefinition =
  | { readonly id: IpSetId; readonly content: 'addresses'; readonly selector: Selector }
  | {
      readonly id: IpSetId;
      readonly content: 'named-port';
      readonly selector: Selector;
      readonly protocol: NamedPortProtocol;
      readonly port: string;
    }
  /**
   * The endpoints of a service, `<namespace>/<name>`. They are not in etcd but in the Kubernetes API; where there is
   * none, the set is empty: the rule is programmed and matches nothing.
   */
  | { readonly id: IpSetId; readonly content: 'service-ports' | 'service-addresses'; readonly service: string }
  /** Networks that calc puts in by itself: pools, hosts. */
  | { readonly id: IpSetId; readonly content: 'fixed' };

/** The set of addresses and networks whose labels match. */
export function addressesSet(selector: Selector): IpSetDefinition {
  return { id: selectorSetId(selector), content: 'addresses', selector };
}

/** The set of addresses with the named port, of endpoints whose labels match. */
export function namedPortSet(selector: Selector, protocol: NamedPortProtocol, port: string): IpSetDefinition {
  return { id: namedPortSetId(selector, protocol, port), content: 'named-port', selector, protocol, port };
}

/** The set of a service's endpoints: their addresses, or their addresses with their ports. */
export function serviceSet(service: string, content: 'service-ports' | 'service-addresses'): IpSetDefinition {
  return { id: serviceSetId(service, content === 'service-ports'), content, service };
}

/** The kind of kernel set that holds it. */
export function setKindOf(definition: IpSetDefinition): 'net' | 'ip-port' {
  switch (definition.content) {
    case 'addresses':
    case 'service-addresses':
    case 'fixed':
      return 'net';
    case 'named-port':
    case 'service-ports':
      return 'ip-port';
  }
}
