import type { felixV1 } from '@calico-node/rpc';
import { describeStep, isSilent } from './describe-step.ts';

/** What the kernel did to a flow's packet, beside what policy says of the same way. */
export function describeVerification(answer: felixV1.VerifyFlowResponse): string {
  const { kernel, expected, steps, packetFilter, rules, gap } = answer;
  const lines = [
    '',
    `Kernel:   ${kernel.toUpperCase()}, ${agrees(answer) ? 'as policy says' : `but policy says ${expected.toUpperCase()}`} (${packetFilter})`,
    `Packet:   ${wayOf(answer)}`,
    ...translationOf(answer),
    ...halfOf(answer),
    ...(kernel === 'lost'
      ? ['No rule dropped it, and it did not get to where packets leave: the kernel may have no route for it.']
      : []),
    ...(gap === '' ? [] : [`Not all rules may be here: ${gap}.`]),
    ...(agrees(answer) && answer.translatedDestination === ''
      ? []
      : ['', 'What policy says of this way:', ...steps.filter((step) => !isSilent(step)).flatMap(describeStep)]),
    ...(rules.length === 0 ? [] : ['', 'Rules that it met:', ...rules.map((rule) => `  ${ruleText(rule)}`)]),
  ];
  return `${lines.join('\n')}\n`;
}

/** Whether the kernel does what policy says. */
export function agrees({ kernel, expected }: felixV1.VerifyFlowResponse): boolean {
  return kernel === expected;
}

function wayOf({ source, sourcePort, enteredBy, leavesBy, kernel }: felixV1.VerifyFlowResponse): string {
  const from = `from ${source}${sourcePort === 0 ? '' : ` port ${sourcePort}`}`;
  const entered = enteredBy === '' ? 'sent by the host' : `as if it came in by ${enteredBy}`;
  if (kernel !== 'allow') return `${from}, ${entered}`;
  return `${from}, ${entered}; taken away ${leavesBy === '' ? 'before the host got it' : `before it left by ${leavesBy}`}`;
}

function translationOf(answer: felixV1.VerifyFlowResponse): string[] {
  const { translatedDestination, translatedDestinationPort, translatedSource, translatedSourcePort } = answer;
  const parts = [
    ...(translatedDestination === '' ? [] : [`to ${withPort(translatedDestination, translatedDestinationPort)}`]),
    ...(translatedSource === '' ? [] : [`from ${withPort(translatedSource, translatedSourcePort)}`]),
  ];
  return parts.length === 0 ? [] : [`Became:   ${parts.join(', ')}, by the kernel's address translation`];
}

function withPort(address: string, port: number): string {
  return port === 0 ? address : `${address} port ${port}`;
}

function halfOf({ half }: felixV1.VerifyFlowResponse): string[] {
  if (half === 'whole') return [];
  if (half === 'between') return ["Verified: this node between them; the ends' own policy is on their nodes"];
  const [here, there] = half === 'egress' ? ['egress', 'ingress'] : ['ingress', 'egress'];
  return [`Verified: the ${here} half; the other end's ${there} policy is on its own node, to be verified there`];
}

function ruleText(rule: felixV1.TracedRule): string {
  const { table, chain, position, verdict, comment, ownerKind, ownerNamespace, ownerName, direction, decidingRule } =
    rule;
  const place = position === 0 ? 'end' : String(position);
  const owner = `${ownerKind} ${ownerNamespace === '' ? '' : `${ownerNamespace}/`}${ownerName} ${direction}`;
  const notes = [
    ...(ownerKind === '' ? [] : [decidingRule === '' ? owner : `${owner}, whose ${decidingRule} decides`]),
    ...(comment === '' || comment === owner ? [] : [comment]),
  ];
  const what = verdict === '' ? '' : `: ${verdict}`;
  return `${table} ${chain}[${place}]${what}${notes.length === 0 ? '' : `  (${notes.join('; ')})`}`;
}
