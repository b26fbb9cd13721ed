import { callUnary } from '@calico-node/rpc';
import type { Io } from '../../io.ts';
import { renderAnswer, type AnswerFormat } from './answer-format.ts';
import { askFelix, CALL_TIMEOUT_MS } from './ask-felix.ts';
import { describeEndpoint, stateText } from './describe-endpoint.ts';

/** `calicoctl explain endpoint`. @throws CommandError for a name that no endpoint of this node has, or several. */
export async function explainEndpoint(name: string, output: AnswerFormat, io: Io): Promise<void> {
  const answer = await askFelix(io, (client) =>
    callUnary(client.explainEndpoint.bind(client), { name }, { timeoutMs: CALL_TIMEOUT_MS }),
  );
  if (output === 'text') {
    io.out(describeEndpoint(answer));
    return;
  }
  const { endpoint } = answer;
  const state = endpoint === undefined ? {} : { endpoint: { ...endpoint, state: stateText(endpoint.state) } };
  io.out(renderAnswer(output, { ...answer, ...state }));
}
