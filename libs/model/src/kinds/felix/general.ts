import { selectorWithoutGlobal } from '../../checks/selectors.ts';
import { boolean, duration, int, string, text } from '../../schema/scalars.ts';
import { optional, pointer } from '../../schema/struct.ts';
import { anyCase, keyValueList, port16, region } from './types.ts';

/** What Felix is and how often it looks for itself. In the order of the stored form. */
export const generalFields = {
  nodeSelector: pointer(
    text(selectorWithoutGlobal),
    'The nodes that the object is for, where its name does not say so.',
  ),
  useInternalDataplaneDriver: pointer(boolean, {
    unset: 'true',
    description: 'Whether Felix programs the kernel itself.',
  }),
  dataplaneDriver: optional(string, {
    unset: 'calico-iptables-plugin',
    description: 'The program that does so instead.',
  }),
  dataplaneWatchdogTimeout: pointer(duration, {
    unset: '1m30s',
    description: 'How long the data plane may be busy before Felix counts as dead.',
  }),
  ipv6Support: pointer(boolean, { unset: 'true', description: 'Whether IPv6 is programmed.' }),
  routeRefreshInterval: pointer(duration, {
    unset: '1m30s',
    description: "How often the kernel's routes are compared with what they should be.",
  }),
  interfaceRefreshInterval: pointer(duration, {
    unset: '1m30s',
    description: 'How often interfaces are listed again.',
  }),
  iptablesRefreshInterval: pointer(duration, {
    unset: '3m0s',
    description: 'How often rules are compared with what they should be.',
  }),
  iptablesPostWriteCheckInterval: pointer(duration, {
    unset: '5s',
    description: 'How soon after a write rules are first compared.',
  }),
  iptablesLockProbeInterval: pointer(duration, { unset: '50ms', description: "How often iptables' lock is tried." }),
  featureDetectOverride: optional(text(keyValueList), 'Features of the kernel to take for present or missing.'),
  featureGates: optional(text(keyValueList), 'Features of Felix to switch.'),
  ipsetsRefreshInterval: pointer(duration, {
    unset: '1m30s',
    description: 'How often IP sets are compared with what they should be.',
  }),
  maxIpsetSize: pointer(int(), { unset: '1048576', description: 'How many members an IP set may have.' }),
  iptablesBackend: pointer(text(anyCase('Legacy', 'NFT', 'Auto')), {
    unset: 'Auto',
    description: 'Which iptables to use.',
  }),
  xdpRefreshInterval: pointer(duration, {
    unset: '1m30s',
    description: 'How often XDP programs are compared with what they should be.',
  }),
  netlinkTimeout: pointer(duration, { unset: '10s', description: 'How long the kernel may take to answer.' }),
  metadataAddr: optional(string, { unset: '127.0.0.1', description: "The address of OpenStack's metadata service." }),
  metadataPort: pointer(port16, { unset: '8775', description: 'Its port.' }),
  openstackRegion: optional(text(...region), 'The OpenStack region, part of the names of what is stored for it.'),
};
