import { PROTOCOL_NUMBERS, protocolHasPorts, protocolNumber } from '@calico-node/model';
import type { felixV1 } from '@calico-node/rpc';
import { CommandError } from '../../io.ts';

/** The options as written. */
export interface FlowRequestOptions {
  readonly from: string;
  readonly to: string;
  readonly port?: string;
  readonly sourcePort?: string;
  readonly protocol: string;
  readonly icmpType?: string;
  readonly icmpCode?: string;
}

const ICMP = 1;
const ICMPV6 = 58;
/** Echo requests (RFC 792, RFC 4443 4.1). */
const echoTypes: Readonly<Record<number, string>> = { [ICMP]: '8', [ICMPV6]: '128' };

/** @throws CommandError for options that name no flow. */
export function flowRequestOf(options: FlowRequestOptions): felixV1.ExplainFlowRequest {
  const { protocol: text, icmpType, icmpCode } = options;
  const protocol = protocolNumber(/^[0-9]+$/.test(text) ? Number(text) : (canonical(text) ?? text));
  if (protocol === undefined || protocol < 1 || protocol > 255) {
    throw new CommandError(
      `--protocol: no such protocol: ${text}; give ${Object.keys(PROTOCOL_NUMBERS).join(', ')} or a number from 1 to 255`,
    );
  }
  const hasPorts = protocolHasPorts(protocol);
  const from = endOf('--from', options.from, '--source-port', options.sourcePort);
  const to = endOf('--to', options.to, '--port', options.port);
  if (hasPorts && to.port === undefined) throw new CommandError(`--port is missing, which ${text} needs`);
  if (!hasPorts && (to.port ?? from.port) !== undefined) throw new CommandError(`${text} has no ports`);
  const isIcmp = protocol === ICMP || protocol === ICMPV6;
  if (!isIcmp && (icmpType ?? icmpCode) !== undefined) {
    throw new CommandError(
      `${icmpType === undefined ? '--icmp-code' : '--icmp-type'} is for ICMP and ICMPv6, not ${text}`,
    );
  }
  return {
    from: from.text,
    to: to.text,
    protocol,
    sourcePort: numberOf('--source-port', from.port ?? '0', 65535),
    destinationPort: numberOf('--port', to.port ?? '0', 65535),
    icmpType: isIcmp ? numberOf('--icmp-type', icmpType ?? echoTypes[protocol] ?? '0', 255) : 0,
    icmpCode: isIcmp ? numberOf('--icmp-code', icmpCode ?? '0', 255) : 0,
    sentTo: '',
  };
}

/** An end with its port, which may be written behind it: `web:80`, `10.0.0.1:80`, `[fd00::1]:80`. */
function endOf(
  option: string,
  text: string,
  portOption: string,
  port: string | undefined,
): { readonly text: string; readonly port: string | undefined } {
  const [, bracketed, bare, behind] = /^(?:\[([^\]]+)\]|([^:]+))(?::([0-9]+))?$/.exec(text) ?? [];
  const end = bracketed ?? bare ?? text;
  if (end.trim() === '') throw new CommandError(`${option} is empty: give a name or an address`);
  if (behind !== undefined && port !== undefined && behind !== port) {
    throw new CommandError(`${option} says port ${behind}, ${portOption} says ${port}`);
  }
  return { text: end, port: port ?? behind };
}

/** A protocol's name as Calico writes it, whatever case the user does. */
function canonical(text: string): string | undefined {
  return Object.keys(PROTOCOL_NUMBERS).find((name) => name.toLowerCase() === text.toLowerCase());
}

function numberOf(option: string, text: string, max: number): number {
  const value = /^[0-9]{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(value <= max)) throw new CommandError(`${option}: ${text} is not a number from 0 to ${max}`);
  return value;
}
