import { tryParseCidrLoose } from '@calico-node/net';
import type { FailsafePort } from '@calico-node/policy';
import type { ParameterType } from './parameter-type.ts';

const protocols: Readonly<Record<string, number>> = { tcp: 6, udp: 17, sctp: 132 };

/** Ports as `tcp:22`, for one network `udp:10.0.0.0/8:53` or `tcp:[fd00::/8]:22`; a bare number is a TCP port. */
export const failsafePorts: ParameterType<readonly FailsafePort[]> = {
  allowed: 'ports such as tcp:22 or udp:10.0.0.0/8:53, separated by commas',
  zero: [],
  parse: (text) => {
    const items = text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
    const ports = items.flatMap((item) => readPort(item) ?? []);
    return ports.length === items.length ? ports : undefined;
  },
};

/** One of a resource's ports as the text that `failsafePorts` reads; undefined for what is none. */
export function failsafePortText(value: object): string | undefined {
  if (!('protocol' in value && 'port' in value)) return undefined;
  const { protocol, port } = value;
  if (typeof protocol !== 'string' || typeof port !== 'number') return undefined;
  const net = 'net' in value && typeof value.net === 'string' && value.net !== '' ? `[${value.net}]:` : '';
  return `${protocol.toLowerCase()}:${net}${port}`;
}

/** Calico's defaults: SSH, DHCP, BGP, etcd, Typha and the Kubernetes API. */
export const inboundPorts = 'tcp:22,udp:68,tcp:179,tcp:2379,tcp:2380,tcp:5473,tcp:6443,tcp:6666,tcp:6667';
/** Calico's defaults: DNS, DHCP, and as above. */
export const outboundPorts = 'udp:53,udp:67,tcp:179,tcp:2379,tcp:2380,tcp:5473,tcp:6443,tcp:6666,tcp:6667';
export const defaultInboundPorts = read(inboundPorts);
export const defaultOutboundPorts = read(outboundPorts);

function read(text: string): readonly FailsafePort[] {
  return failsafePorts.parse(text) ?? [];
}

function readPort(text: string): FailsafePort | undefined {
  const [, name = 'tcp', bracketed, bare, number = ''] =
    /^(?:([a-z]+):)?(?:(?:\[([^\]]+)\]|([\d./]+)):)?(\d+)$/i.exec(text) ?? [];
  const protocol = protocols[name.toLowerCase()];
  const port = Number(number);
  if (protocol === undefined || number === '' || port > 65535) return undefined;
  const written = bracketed ?? bare;
  if (written === undefined) return { protocol, port };
  const net = tryParseCidrLoose(written);
  return net && { protocol, port, net };
}
