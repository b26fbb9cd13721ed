import type { felixV1 } from '@calico-node/rpc';
import { describeStep, endText, isSilent } from './describe-step.ts';

const problems: Readonly<Record<string, string>> = {
  'no-port': 'the service has no such port: nothing translates it',
  'no-endpoints': 'the service has no ready endpoint: kube-proxy refuses it, whatever policy says',
};

/** Whose address it is. */
export function describeService({
  namespace,
  name,
  addressType,
  backends,
  leftOff,
}: felixV1.ExplainedService): string[] {
  const count = backends.length + leftOff;
  const to = count === 0 ? 'nowhere' : `one of ${count} backend${count === 1 ? '' : 's'}`;
  return [`Service:  ${namespace}/${name}, its ${addressType}: translated to ${to}`];
}

/** What policy says, whichever backend it comes to. */
export function verdictOf({ allowed, service }: felixV1.ExplainFlowResponse): string {
  const backends = service?.backends ?? [];
  const count = backends.filter((backend) => backend.allowed).length;
  if (count === 0 || count === backends.length) return allowed ? 'ALLOW' : 'DENY';
  return `depends on the backend: ALLOW to ${count} of ${backends.length}`;
}

/** Each backend, and the say of endpoints for one of those allowed and one of those denied. */
export function describeBackends({ backends, leftOff }: felixV1.ExplainedService): string[] {
  const shown = [true, false].flatMap((isAllowed) => backends.find(({ allowed }) => allowed === isAllowed) ?? []);
  return [
    ...backends.map((backend) => `  ${nameOf(backend)} (${endOf(backend)}): ${backend.allowed ? 'ALLOW' : 'DENY'}`),
    ...(leftOff === 0 ? [] : [`  and ${leftOff} more, not looked at`]),
    ...shown.flatMap((backend) => [
      ...(shown.length === 1 && backends.length === 1 ? [] : ['', `To ${nameOf(backend)}:`]),
      ...backend.steps.filter((step) => !isSilent(step)).flatMap((step) => ['', ...describeStep(step)]),
    ]),
  ];
}

/** What is not known of the way to a service. */
export function notesOnService(
  { problem, trafficPolicy, backends }: felixV1.ExplainedService,
  from: felixV1.ExplainedEnd | undefined,
): readonly string[] {
  if (problem !== '') return [problems[problem] ?? problem];
  return [
    ...(backends.length > 1 ? ['which backend a connection goes to is not known; --verify shows it of one'] : []),
    ...(trafficPolicy === 'Local'
      ? ['only backends of the node that translates are taken (traffic policy Local)']
      : []),
    ...(from?.type === 'outside'
      ? ['the node that it comes in by may translate its source to its own address, which is not taken into account']
      : []),
  ];
}

function nameOf({ address, port }: felixV1.ExplainedBackend): string {
  return `${address} port ${port}`;
}

function endOf({ end }: felixV1.ExplainedBackend): string {
  return end === undefined ? 'outside' : endText(end);
}
