import { PROTOCOL_NUMBERS } from '@calico-node/model';
import type { felixV1 } from '@calico-node/rpc';
import { describeBackends, describeService, notesOnService, verdictOf } from './describe-service.ts';
import { describeStep, endText, isSilent } from './describe-step.ts';

/**
 * The answer for a reader: verdict, then each endpoint's say, tier by tier. `floatingUnknown`: why it is not known whether
 * the destination is a floating address.
 */
export function describeFlow(
  request: felixV1.ExplainFlowRequest,
  answer: felixV1.ExplainFlowResponse,
  floatingUnknown = '',
): string {
  const { source, destination, revision, stagedVerdict, sentTo, from, to, service } = answer;
  const steps = service === undefined || service.backends.length === 0 ? answer.steps : [];
  const translated = sentTo === '' ? '' : ` (sent to the floating address ${sentTo})`;
  const lines = [
    `Flow:     ${source} -> ${destination}${translated}, ${describeHeader(request, source)}`,
    ...(from === undefined ? [] : [`From:     ${endText(from)}`]),
    ...(to === undefined ? [] : [`To:       ${endText(to)}`]),
    ...(service === undefined ? [] : describeService(service)),
    `Verdict:  ${verdictOf(answer)} (policy as of store revision ${revision})`,
    ...(stagedVerdict === '' ? [] : [`Staged:   ${stagedVerdict.toUpperCase()}, if all staged policies were enforced`]),
    ...notesOf(answer, floatingUnknown).map((note) => `Note:     ${note}`),
    ...(service === undefined ? [] : describeBackends(service)),
    ...steps.filter((step) => !isSilent(step)).flatMap((step) => ['', ...describeStep(step)]),
    ...(answer.steps.length === 0 && steps === answer.steps ? ['', `No policy has a say: ${whyNone(answer)}.`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** Why no endpoint's policy was asked. */
function whyNone({ from, to }: felixV1.ExplainFlowResponse): string {
  const isWithinHost = from?.type === 'host' && from.node !== '' && from.node === to?.node;
  if (!isWithinHost) return 'neither end is a workload, nor a host with a host endpoint';
  return to.type === 'workload'
    ? 'a host always reaches its own workloads'
    : 'what a host sends to itself stays within it';
}

/** What is not known, or may be otherwise. */
function notesOf(
  { destination, toService, service, serviceUnknown, sentTo, from, to }: felixV1.ExplainFlowResponse,
  floatingUnknown: string,
): readonly string[] {
  if (service !== undefined) return notesOnService(service, from);
  return [
    ...(serviceUnknown === '' ? [] : [`whether ${destination} is a service's address is not known: ${serviceUnknown}`]),
    ...(toService
      ? [
          `${destination} is in a network of services' addresses; --verify shows where this node sends it to, and asks policy of that`,
        ]
      : []),
    ...(floatingUnknown === ''
      ? []
      : [`whether ${destination} is a floating address of another node is not known: ${floatingUnknown}`]),
    ...(sentTo !== '' && to?.type === 'workload'
      ? [`the address is translated on ${to.node}, where its Felix has FloatingIPs enabled`]
      : []),
  ];
}

function describeHeader(request: felixV1.ExplainFlowRequest, source: string): string {
  const { sourcePort, destinationPort, icmpType, icmpCode } = request;
  // Felix asks by the addresses' own protocol.
  const isIcmp = request.protocol === 1 || request.protocol === 58;
  const protocol = isIcmp ? (source.includes(':') ? 58 : 1) : request.protocol;
  const name =
    Object.entries(PROTOCOL_NUMBERS).find(([, number]) => number === protocol)?.[0] ?? `protocol ${protocol}`;
  if (protocol !== request.protocol) return `${name} echo`;
  if (isIcmp) return `${name} type ${icmpType} code ${icmpCode}`;
  if (destinationPort === 0) return name;
  return `${name} port ${destinationPort}${sourcePort === 0 ? '' : ` from port ${sourcePort}`}`;
}
