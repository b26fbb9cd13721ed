import { callUnary } from '@calico-node/rpc';
import { CommandError, type Io } from '../../io.ts';
import { renderAnswer, type AnswerFormat } from './answer-format.ts';
import { askFelix, CALL_TIMEOUT_MS } from './ask-felix.ts';
import { describeFlow } from './describe-flow.ts';
import { agrees, describeVerification } from './describe-verification.ts';
import { flowRequestOf, type FlowRequestOptions } from './flow-request.ts';

export interface FlowOptions extends FlowRequestOptions {
  /** Put a packet through the kernel, too. */
  readonly verify?: boolean;
  readonly output: AnswerFormat;
}

/**
 * `calicoctl explain flow`. @throws CommandError for options that name no flow, when Felix does not answer, and when the
 * kernel was asked and does not do what policy says.
 */
export async function explainFlow(options: FlowOptions, io: Io): Promise<void> {
  const { output } = options;
  const request = flowRequestOf(options);
  const explanation = await askFelix(io, (client) =>
    callUnary(client.explainFlow.bind(client), request, { timeoutMs: CALL_TIMEOUT_MS }),
  );
  if (output === 'text') io.out(describeFlow(request, explanation));
  if (options.verify !== true) {
    if (output !== 'text') io.out(renderAnswer(output, { flow: request, explanation }));
    return;
  }
  const verification = await askFelix(io, (client) =>
    callUnary(client.verifyFlow.bind(client), { flow: request }, { timeoutMs: CALL_TIMEOUT_MS }),
  );
  const isAgreed = agrees(verification);
  if (output === 'text') io.out(describeVerification(verification));
  else
    io.out(renderAnswer(output, { flow: request, explanation, verification: { ...verification, agrees: isAgreed } }));
  if (isAgreed) return;
  if (verification.kernel !== 'lost') throw new CommandError('the kernel does not do what policy says');
  const { translatedDestination, destination } = verification;
  const address = translatedDestination === '' ? destination : translatedDestination;
  throw new CommandError(
    `the packet got lost in the kernel, not by a rule: see \`calicoctl explain route ${address}\``,
  );
}
