import { interfaceFilter, regularExpression } from '../../checks/names.ts';
import { boolean, duration, int, oneOf, text } from '../../schema/scalars.ts';
import { optional, pointer } from '../../schema/struct.ts';
import { anyCase } from './types.ts';

/** XDP and nf_tables. In the order of the stored form. */
export const netfilterFields = {
  iptablesNATOutgoingInterfaceFilter: optional(
    text(interfaceFilter),
    'The interfaces whose outgoing traffic is translated; all where it is not set.',
  ),
  sidecarAccelerationEnabled: pointer(boolean, {
    unset: 'false',
    description: 'Whether traffic between a workload and its proxy takes a short cut.',
  }),
  xdpEnabled: pointer(boolean, { unset: 'true', description: 'Whether untracked deny rules are put into XDP.' }),
  genericXDPEnabled: pointer(boolean, {
    unset: 'false',
    description: 'Whether XDP is used where the interface has no driver for it; slow.',
  }),
  nftablesMode: pointer(oneOf('Enabled', 'Disabled', 'Auto'), {
    default: 'Auto',
    description: 'Whether rules go into nf_tables rather than iptables.',
  }),
  nftablesFlowTableOffload: pointer(oneOf('All', 'Disabled'), {
    default: 'Disabled',
    description: 'Which connections go round the rules once they are up.',
  }),
  nftablesFlowTableDataIfacePattern: optional(text(regularExpression), 'The interfaces that this is done on.'),
  nftablesRefreshInterval: pointer(duration, {
    unset: '3m0s',
    description: 'How often rules are compared with what they should be.',
  }),
  nftablesFilterAllowAction: optional(text(anyCase('Accept', 'Return')), {
    unset: 'Accept',
    description: 'What the filter chains do with allowed packets.',
  }),
  nftablesMangleAllowAction: optional(text(anyCase('Accept', 'Return')), {
    unset: 'Accept',
    description: 'What the mangle chains do with allowed packets.',
  }),
  nftablesFilterDenyAction: optional(text(anyCase('Drop', 'Reject')), {
    unset: 'Drop',
    description: 'What the filter chains do with denied packets.',
  }),
  nftablesMarkMask: pointer(int(0, 0xffff_ffff), {
    unset: '0xffff0000',
    description: 'The bits of the packet mark that are ours.',
  }),
};
