import { hostCidr, type Cidr, type IpAddress } from '@calico-node/net';
import { ipPortMember, type IpPortMember, type NamedPortProtocol } from './ip-set.ts';
import { Multimap } from './label-table.ts';

/** Some of a service's endpoints: a Kubernetes EndpointSlice as far as rules need it. */
export interface EndpointSlice {
  /** `<namespace>/<name>` of the service. */
  readonly service: string;
  readonly addresses: readonly IpAddress[];
  /** What each of the addresses serves. */
  readonly ports: readonly { readonly protocol: NamedPortProtocol; readonly port: number }[];
}

/** All endpoint slices, by service. */
export class EndpointSlices {
  readonly #slices = new Map<string, EndpointSlice>();
  readonly #byService = new Multimap<string, EndpointSlice>();

  /** Sets the slice, or takes it away; gives what was there before. */
  set(id: string, slice: EndpointSlice | undefined): EndpointSlice | undefined {
    const old = this.#slices.get(id);
    if (old !== undefined) this.#byService.delete(old.service, old);
    if (slice === undefined) this.#slices.delete(id);
    else {
      this.#slices.set(id, slice);
      this.#byService.add(slice.service, slice);
    }
    return old;
  }

  of(service: string): Iterable<EndpointSlice> {
    return this.#byService.get(service);
  }
}

/** The slice's addresses. */
export function sliceAddresses({ addresses }: EndpointSlice): readonly Cidr[] {
  return addresses.map((ip) => hostCidr(ip));
}

/** The slice's addresses with each of its ports. */
export function slicePorts({ addresses, ports }: EndpointSlice): readonly IpPortMember[] {
  return addresses.flatMap((ip) => ports.map(({ protocol, port }) => ipPortMember(ip, protocol, port)));
}
