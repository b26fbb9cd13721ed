import { protocolNumber, type Protocol } from '@calico-node/model';
import { namedPortProtocols, type NamedPortProtocol } from '../ip-set.ts';
import type { NamedPort } from '../ip-set-index.ts';

/** An endpoint's named ports; those of protocols without ports are left out, since nothing can name them. */
export function convertPorts(
  ports: readonly { readonly name: string; readonly protocol: Protocol; readonly port: number }[],
): readonly NamedPort[] {
  return ports.flatMap(({ name, protocol, port }) => {
    const number = protocolNumber(protocol);
    const known = (Object.keys(namedPortProtocols) as NamedPortProtocol[]).find(
      (candidate) => namedPortProtocols[candidate] === number,
    );
    return known === undefined ? [] : [{ name, protocol: known, port }];
  });
}
