import { ip } from '../checks/nets.ts';
import { endpointPortName, interfaceName, resourceName } from '../checks/names.ts';
import { list } from '../schema/containers.ts';
import { protocol, protocolHasPorts, type Protocol } from '../schema/numorstring.ts';
import { string, text, uint16 } from '../schema/scalars.ts';
import { noted } from '../schema/schema.ts';
import { always, optional, struct, type Report } from '../schema/struct.ts';
import { joined } from './columns.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';

const endpointPort = struct(
  'EndpointPort',
  {
    name: always(text(endpointPortName), { mandatory: true, description: 'The name that rules use.' }),
    protocol: always(protocol, { mandatory: true, description: 'The protocol.' }),
    port: always(uint16(1), { mandatory: true, description: 'The number.' }),
  },
  noted('protocol TCP, UDP or SCTP', ({ protocol }: { protocol: Protocol }, report: Report) => {
    if (!protocolHasPorts(protocol)) report(['protocol'], protocol, 'must be TCP, UDP or SCTP');
  }),
);

/** What tells which interface is meant. */
interface Place {
  readonly interfaceName?: string | undefined;
  readonly expectedIPs?: readonly string[] | undefined;
}

export const hostEndpoint = defineKind({
  kind: 'HostEndpoint',
  name: resourceName,
  docs: {
    summary: 'An interface of a node, so that policy can apply to the node itself.',
    example: {
      metadata: { name: 'node-1-eth0', labels: { role: 'edge' } },
      spec: { node: 'node-1', interfaceName: 'eth0', expectedIPs: ['192.0.2.10'] },
    },
  },
  columns: {
    get: ['NAME', 'NODE'],
    wide: ['NAME', 'NODE', 'INTERFACE', 'IPS', 'PROFILES'],
    cells: {
      NODE: ({ spec }) => spec.node ?? '',
      INTERFACE: ({ spec }) => spec.interfaceName ?? '',
      IPS: ({ spec }) => joined(spec.expectedIPs),
      PROFILES: ({ spec }) => joined(spec.profiles),
    },
  },
  body: {
    spec: always(
      struct(
        'HostEndpointSpec',
        {
          node: optional(string, { mandatory: true, description: 'The node whose interface it is.' }),
          interfaceName: optional(text(interfaceName), 'The interface; `*` for all of them.'),
          expectedIPs: optional(
            list(text(ip)),
            "Addresses by which the interface is found, and by which selectors' rules know it.",
          ),
          profiles: optional(list(string), 'Profiles that apply where no policy does.'),
          ports: optional(list(endpointPort), 'Names for ports.'),
        },
        noted(
          'interfaceName or expectedIPs, or both',
          ({ interfaceName = '', expectedIPs = [] }: Place, report: Report) => {
            if (interfaceName === '' && expectedIPs.length === 0) {
              report(['interfaceName'], undefined, 'is required where there are no expectedIPs');
            }
          },
        ),
      ),
    ),
  },
});

export type HostEndpoint = ResourceOfDefinition<typeof hostEndpoint>;
