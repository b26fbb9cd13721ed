import { callUnary, felixV1 } from '@calico-node/rpc';
import { CommandError, type Io } from '../../io.ts';
import { askFelix, CALL_TIMEOUT_MS } from './ask-felix.ts';

const states: Readonly<Record<number, string>> = {
  [felixV1.EndpointState.UP]: 'up',
  [felixV1.EndpointState.DOWN]: 'down',
  [felixV1.EndpointState.ERROR]: 'error',
};

/** `calicoctl explain endpoint`. @throws CommandError for a name that no local endpoint has, or several. */
export async function explainEndpoint(name: string, io: Io): Promise<void> {
  const { endpoints } = await askFelix(io, (client) =>
    callUnary(client.listEndpoints.bind(client), {}, { timeoutMs: CALL_TIMEOUT_MS }),
  );
  const found = endpoints.filter(({ id, interfaceName }) => {
    const workload = id?.workloadId ?? '';
    return [workload, workload.slice(workload.indexOf('/') + 1), interfaceName].includes(name);
  });
  const [only, ...others] = found;
  if (only === undefined) throw new CommandError(`no workload endpoint of this node is called "${name}"`);
  if (others.length > 0) {
    throw new CommandError(`"${name}" is several: ${found.map(({ id }) => id?.workloadId ?? '').join(', ')}`);
  }
  io.out(describeEndpoint(only));
}

function describeEndpoint(endpoint: felixV1.Endpoint): string {
  const { id, interfaceName, addresses, state, reason, policies, profiles } = endpoint;
  const list = (entries: readonly string[]): string => (entries.length === 0 ? 'none' : entries.join(', '));
  const lines = [
    `Endpoint:   ${id?.workloadId ?? ''} ${id?.endpointId ?? ''} (${id?.orchestratorId ?? ''})`,
    `Interface:  ${interfaceName}`,
    `Addresses:  ${list(addresses)}`,
    `State:      ${states[state] ?? 'unknown'}${reason === '' ? '' : `: ${reason}`}`,
    `Policies:   ${list(policies)}`,
    `Profiles:   ${list(profiles)}`,
  ];
  return `${lines.join('\n')}\n`;
}
