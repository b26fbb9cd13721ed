import { callUnary } from '@calico-node/rpc';
import type { Io } from '../../io.ts';
import { askFelix, CALL_TIMEOUT_MS } from './ask-felix.ts';
import { describeEndpoint } from './describe-endpoint.ts';

/** `calicoctl explain endpoint`. @throws CommandError for a name that no local endpoint has, or several. */
export async function explainEndpoint(name: string, io: Io): Promise<void> {
  const answer = await askFelix(io, (client) =>
    callUnary(client.explainEndpoint.bind(client), { name }, { timeoutMs: CALL_TIMEOUT_MS }),
  );
  io.out(describeEndpoint(answer));
}
