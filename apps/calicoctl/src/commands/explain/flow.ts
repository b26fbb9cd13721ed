import { protocolHasPorts, protocolNumber } from '@calico-node/model';
import { callUnary, type felixV1 } from '@calico-node/rpc';
import { CommandError, type Io } from '../../io.ts';
import { askFelix, CALL_TIMEOUT_MS } from './ask-felix.ts';
import { describeFlow } from './describe-flow.ts';
import { agrees, describeVerification } from './describe-verification.ts';

/** The options as written. */
export interface FlowOptions {
  readonly from: string;
  readonly to: string;
  readonly port?: string;
  readonly sourcePort?: string;
  readonly protocol: string;
  readonly icmpType: string;
  readonly icmpCode: string;
  /** Put a packet through the kernel, too. */
  readonly verify?: boolean;
}

/**
 * `calicoctl explain flow`. @throws CommandError for options that name no flow, when Felix does not answer, and when the
 * kernel was asked and does not do what policy says.
 */
export async function explainFlow(options: FlowOptions, io: Io): Promise<void> {
  const request = requestOf(options);
  const answer = await askFelix(io, (client) =>
    callUnary(client.explainFlow.bind(client), request, { timeoutMs: CALL_TIMEOUT_MS }),
  );
  io.out(describeFlow(request, answer));
  if (options.verify !== true) return;
  const verified = await askFelix(io, (client) =>
    callUnary(client.verifyFlow.bind(client), { flow: request }, { timeoutMs: CALL_TIMEOUT_MS }),
  );
  io.out(describeVerification(verified));
  if (!agrees(verified)) throw new CommandError('the kernel does not do what policy says');
}

function requestOf({
  from,
  to,
  port,
  sourcePort,
  protocol: text,
  icmpType,
  icmpCode,
}: FlowOptions): felixV1.ExplainFlowRequest {
  const protocol = protocolNumber(text);
  if (protocol === undefined || protocol < 1 || protocol > 255)
    throw new CommandError(`--protocol: no such protocol: ${text}`);
  const hasPorts = protocolHasPorts(protocol);
  if (hasPorts && port === undefined) throw new CommandError(`--port is missing, which ${text} needs`);
  if (!hasPorts && (port ?? sourcePort) !== undefined) throw new CommandError(`${text} has no ports`);
  return {
    from,
    to,
    protocol,
    sourcePort: numberOf('--source-port', sourcePort ?? '0', 65535),
    destinationPort: numberOf('--port', port ?? '0', 65535),
    icmpType: numberOf('--icmp-type', icmpType, 255),
    icmpCode: numberOf('--icmp-code', icmpCode, 255),
  };
}

function numberOf(option: string, text: string, max: number): number {
  const value = /^[0-9]{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(value <= max)) throw new CommandError(`${option}: ${text} is not a number from 0 to ${max}`);
  return value;
}
