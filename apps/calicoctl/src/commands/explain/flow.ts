import { callUnary, type felixV1 } from '@calico-node/rpc';
import { CommandError, type Io } from '../../io.ts';
import type { DatastoreOptions } from '../../session.ts';
import { renderAnswer, type AnswerFormat } from './answer-format.ts';
import { askFelix, CALL_TIMEOUT_MS } from './ask-felix.ts';
import { describeFlow } from './describe-flow.ts';
import { agrees, describeVerification } from './describe-verification.ts';
import { floatingAt } from './floating-at.ts';
import { flowRequestOf, type FlowRequestOptions } from './flow-request.ts';

export type FlowOptions = FlowRequestOptions &
  DatastoreOptions & {
    /** Put a packet through the kernel, too. */
    readonly verify?: boolean;
    readonly output: AnswerFormat;
  };

/**
 * `calicoctl explain flow`. @throws CommandError for options that name no flow, when Felix does not answer, and when the
 * kernel was asked and does not do what policy says.
 */
export async function explainFlow(options: FlowOptions, io: Io): Promise<void> {
  const { output } = options;
  const request = flowRequestOf(options);
  const { explanation, floatingUnknown } = await explain(request, options, io);
  if (output === 'text') io.out(describeFlow(request, explanation, floatingUnknown));
  if (options.verify !== true) {
    if (output !== 'text') io.out(renderAnswer(output, { flow: request, explanation, floatingUnknown }));
    return;
  }
  const verification = await askFelix(io, (client) =>
    callUnary(client.verifyFlow.bind(client), { flow: request }, { timeoutMs: CALL_TIMEOUT_MS }),
  );
  const isAgreed = agrees(verification);
  if (output === 'text') io.out(describeVerification(verification));
  else
    io.out(
      renderAnswer(output, {
        ...{ flow: request, explanation, floatingUnknown },
        verification: { ...verification, agrees: isAgreed },
      }),
    );
  if (isAgreed) return;
  if (verification.kernel !== 'lost') throw new CommandError('the kernel does not do what policy says');
  const { translatedDestination, destination } = verification;
  const address = translatedDestination === '' ? destination : translatedDestination;
  throw new CommandError(
    `the packet got lost in the kernel, not by a rule: see \`calicoctl explain route ${address}\``,
  );
}

/** Felix knows the floating addresses of its own node; those of others are in the store. */
async function explain(
  request: felixV1.ExplainFlowRequest,
  options: DatastoreOptions,
  io: Io,
): Promise<{ readonly explanation: felixV1.ExplainFlowResponse; readonly floatingUnknown: string }> {
  const ask = (asked: felixV1.ExplainFlowRequest): Promise<felixV1.ExplainFlowResponse> =>
    askFelix(io, (client) => callUnary(client.explainFlow.bind(client), asked, { timeoutMs: CALL_TIMEOUT_MS }));
  const explanation = await ask(request);
  const { to, service, destination } = explanation;
  if (to?.type !== 'outside' || service !== undefined) return { explanation, floatingUnknown: '' };
  const floating = await floatingAt(destination, options, io);
  if (floating === undefined) return { explanation, floatingUnknown: '' };
  if ('unknown' in floating) return { explanation, floatingUnknown: floating.unknown };
  return { explanation: await ask({ ...request, to: floating.internal, sentTo: destination }), floatingUnknown: '' };
}
