/**
 * What an OpenStack compute host's guests need beside their policy: leases and names from the host, and the metadata
 * service, which they ask at an address that is nowhere (Calico's special cases for OpenStack).
 */
import { hostCidr, parseCidr, parseIp, type Family, type IpAddress } from '@calico-node/net';
import { rule } from './build.ts';
import { accept, matchNet, matchPorts, matchProtocol, protocols } from './matches.ts';
import type { Match, Rule } from './model.ts';
import type { RuleOptions } from './options.ts';
import { allowAction } from './verdicts.ts';

export interface OpenstackOptions {
  /** Where the metadata service really is; undefined: nowhere. */
  readonly metadata: { readonly address: IpAddress; readonly port: number } | undefined;
}

/** Where guests ask for metadata. */
const metadataAddress = { address: parseIp('169.254.169.254'), port: 80 };

/** DHCP's ports: of the client, of the server. */
const dhcpPorts: Readonly<Record<Family, readonly [number, number]>> = { 4: [68, 67], 6: [546, 547] };

/** A guest that asks for its first lease has no address yet, which the check of its source would take for a lie. */
export function openstackLeases(family: Family, { openstack }: RuleOptions): readonly Rule[] {
  if (openstack === undefined || family === 6) return [];
  return [rule([matchProtocol(protocols.udp), matchNet('source', parseCidr('0.0.0.0/32')), ...dhcp(4)], accept)];
}

/** What guests may ask their host, before their policy is asked. */
export function openstackToHost(family: Family, options: RuleOptions): readonly Rule[] {
  const { openstack } = options;
  if (openstack === undefined) return [];
  const allow = allowAction(options);
  const { metadata } = openstack;
  const udp = matchProtocol(protocols.udp);
  return [
    ...(metadata === undefined || family === 6 ? [] : [rule(tcpTo(metadata.address, metadata.port), allow)]),
    rule([udp, ...dhcp(family)], allow),
    rule([udp, port('destination', 53)], allow),
  ];
}

/** Leads what is for the metadata service to where it is. */
export function openstackMetadata(family: Family, { openstack }: RuleOptions): readonly Rule[] {
  const metadata = openstack?.metadata;
  if (metadata === undefined || family === 6) return [];
  return [rule(tcpTo(metadataAddress.address, metadataAddress.port), { kind: 'dnat', ...metadata })];
}

function dhcp(family: Family): readonly Match[] {
  const [client, server] = dhcpPorts[family];
  return [port('source', client), port('destination', server)];
}

function tcpTo(address: IpAddress, number: number): readonly Match[] {
  return [matchProtocol(protocols.tcp), matchNet('destination', hostCidr(address)), port('destination', number)];
}

function port(side: 'source' | 'destination', number: number): Match {
  return matchPorts(side, [{ first: number, last: number }]);
}
