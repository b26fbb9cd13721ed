import { ip } from '../checks/nets.ts';
import { endpointPortName, interfaceName, resourceName } from '../checks/names.ts';
import { list } from '../schema/containers.ts';
import { protocol, protocolHasPorts } from '../schema/numorstring.ts';
import { string, text, uint16 } from '../schema/scalars.ts';
import { always, optional, struct } from '../schema/struct.ts';
import { joined } from './columns.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';

const endpointPort = struct(
  'EndpointPort',
  {
    name: always(text(endpointPortName), { mandatory: true }),
    protocol: always(protocol, { mandatory: true }),
    port: always(uint16(1), { mandatory: true }),
  },
  ({ protocol }, report) => {
    if (!protocolHasPorts(protocol)) report(['protocol'], protocol, 'must be TCP, UDP or SCTP');
  },
);

export const hostEndpoint = defineKind({
  kind: 'HostEndpoint',
  plural: 'hostendpoints',
  shortNames: ['hep', 'heps'],
  name: resourceName,
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
          node: optional(string, { mandatory: true }),
          interfaceName: optional(text(interfaceName)),
          expectedIPs: optional(list(text(ip))),
          profiles: optional(list(string)),
          ports: optional(list(endpointPort)),
        },
        ({ interfaceName = '', expectedIPs = [] }, report) => {
          if (interfaceName === '' && expectedIPs.length === 0) {
            report(['interfaceName'], undefined, 'is required where there are no expectedIPs');
          }
        },
      ),
    ),
  },
});

export type HostEndpoint = ResourceOfDefinition<typeof hostEndpoint>;
