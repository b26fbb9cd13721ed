import { list } from '../../schema/containers.ts';
import { boolean, duration, int, oneOf, string, text } from '../../schema/scalars.ts';
import { optional, pointer } from '../../schema/struct.ts';
import { healthTimeoutOverride, port16, prometheusHost } from './types.ts';

/** Tunnels, reports, health and metrics. In the order of the stored form. */
export const networksFields = {
  ipipEnabled: pointer(boolean, 'Whether the IP-in-IP device exists; by the pools where it is not set.'),
  ipipMTU: pointer(int(), { unset: '0', description: 'Its MTU; 0 finds it out.' }),
  vxlanEnabled: pointer(boolean, 'Whether the VXLAN device exists; by the pools where it is not set.'),
  vxlanMTU: pointer(int(), { unset: '0', description: 'Its MTU for IPv4; 0 finds it out.' }),
  vxlanMTUV6: pointer(int(), { unset: '0', description: 'Its MTU for IPv6; 0 finds it out.' }),
  vxlanPort: pointer(int(), { unset: '4789', description: 'Its UDP port.' }),
  vxlanVNI: pointer(int(), { unset: '4096', description: 'Its network identifier.' }),
  allowVXLANPacketsFromWorkloads: pointer(boolean, {
    unset: 'false',
    description: 'Whether workloads may send VXLAN themselves.',
  }),
  allowIPIPPacketsFromWorkloads: pointer(boolean, {
    unset: 'false',
    description: 'Whether workloads may send IP in IP themselves.',
  }),
  reportingInterval: pointer(duration, { unset: '30s', description: "How often Felix's own status is stored." }),
  reportingTTL: pointer(duration, { unset: '1m30s', description: 'How long that status lasts without renewal.' }),
  endpointReportingEnabled: pointer(boolean, {
    unset: 'false',
    description: 'Whether the status of endpoints is stored.',
  }),
  endpointReportingDelay: pointer(duration, { unset: '1s', description: 'How long changes of it are gathered.' }),
  endpointStatusPathPrefix: optional(string, {
    unset: '/var/run/calico',
    description: 'The directory that endpoint status files are put in.',
  }),
  iptablesMarkMask: pointer(int(0, 0xffff_ffff), {
    unset: '0xffff0000',
    description: 'The bits of the packet mark that are ours.',
  }),
  disableConntrackInvalidCheck: pointer(boolean, {
    unset: 'false',
    description: 'Whether packets that connection tracking calls invalid pass.',
  }),
  healthEnabled: pointer(boolean, { unset: 'false', description: 'Whether health is served.' }),
  healthHost: pointer(string, { unset: 'localhost', description: 'On which address.' }),
  healthPort: pointer(port16, { unset: '9099', description: 'On which port.' }),
  healthTimeoutOverrides: optional(list(healthTimeoutOverride), 'How long parts of Felix may be silent.'),
  prometheusMetricsEnabled: pointer(boolean, { unset: 'false', description: 'Whether metrics are served.' }),
  prometheusMetricsHost: optional(text(prometheusHost), 'On which address; all where it is not set.'),
  prometheusMetricsPort: pointer(port16, { unset: '9091', description: 'On which port.' }),
  prometheusGoMetricsEnabled: pointer(boolean, {
    unset: 'true',
    description: "Whether the run time's metrics are among them.",
  }),
  prometheusProcessMetricsEnabled: pointer(boolean, {
    unset: 'true',
    description: "Whether the process's metrics are among them.",
  }),
  prometheusWireGuardMetricsEnabled: pointer(boolean, {
    unset: 'true',
    description: "Whether WireGuard's metrics are among them.",
  }),
  prometheusMetricsCAFile: pointer(string, 'The CA of clients that may read metrics.'),
  prometheusMetricsCertFile: pointer(string, 'The certificate that metrics are served with.'),
  prometheusMetricsKeyFile: pointer(string, 'Its key.'),
  prometheusMetricsClientAuth: pointer(
    oneOf('RequireAndVerifyClientCert', 'RequireAnyClientCert', 'VerifyClientCertIfGiven', 'NoClientCert'),
    { unset: 'NoClientCert', description: 'Whether clients must have certificates.' },
  ),
};
