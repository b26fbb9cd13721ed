import type { felixV1 } from '@calico-node/rpc';
import type { Explanation, Flow } from '../explain/explain-flow.ts';
import { serviceAt, whyUnknown, type ServiceBackend } from '../explain/service-at.ts';
import { endToWire, stepToWire } from './explain.ts';

/** More backends than that nobody reads. */
const MAX_BACKENDS = 50;

export interface ServiceQuestion {
  readonly flow: Flow;
  /** What policy says of the flow as it is sent. */
  readonly found: Explanation;
  /** What it says of another flow. */
  readonly explain: (flow: Flow) => Explanation;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

export type ServiceAnswer = Pick<felixV1.ExplainFlowResponse, 'service' | 'serviceUnknown'>;

/** Where a flow to an address outside goes, if that is a service's, and what policy says of each way. */
export async function answerService({
  flow,
  found,
  explain,
  env,
  signal,
}: ServiceQuestion): Promise<ServiceAnswer | undefined> {
  const { destination, destinationPort, protocol } = found.packet;
  if (destinationPort === undefined) return undefined;
  try {
    const service = await serviceAt({ address: destination, port: destinationPort, protocol }, env, signal);
    if (service === undefined) return undefined;
    const { namespace, name, addressType, trafficPolicy, backends, problem = '' } = service;
    const isFromOutside = found.from.attachment.type === 'outside';
    const ask = ({ address, port }: ServiceBackend): felixV1.ExplainedBackend => {
      const { verdict, steps, to } = explain({
        from: flow.from,
        to: address,
        header: { ...flow.header, destinationPort: port },
        // Who sends from a node has it translated there, before policy is asked; others, where they come in.
        ...(isFromOutside ? { sentTo: { destination, destinationPort } } : {}),
      });
      return { address, port, end: endToWire(to), allowed: verdict === 'allow', steps: steps.map(stepToWire) };
    };
    return {
      service: {
        ...{ namespace, name, addressType, trafficPolicy, problem },
        backends: backends.slice(0, MAX_BACKENDS).map(ask),
        leftOff: Math.max(0, backends.length - MAX_BACKENDS),
      },
      serviceUnknown: '',
    };
  } catch (error) {
    return { service: undefined, serviceUnknown: whyUnknown(error) };
  }
}
