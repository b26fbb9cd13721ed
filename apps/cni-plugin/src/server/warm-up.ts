import type { HandlerContext } from '../handlers/context.ts';

/** Who nobody is. */
const nobody = { orchestratorId: 'cni', workloadId: 'none/none', endpointId: 'none' };
const timeoutMs = 200;

/**
 * Connects to those whom the first ADD would otherwise connect to, and runs the code once: the first ADD is not to be
 * the slow one. Whatever fails here will be said when it matters.
 */
export async function warmUp({ stores, felix, log }: HandlerContext, signal: AbortSignal): Promise<void> {
  try {
    const store = stores.open({});
    using early = felix.anticipate({ id: nobody, timeoutMs, signal });
    const results = await Promise.allSettled([
      early.upAt,
      store.endpoints.premises(undefined, { signal }),
      store.addresses.held('none', signal),
    ]);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  } catch (error) {
    log.debug({ err: error }, 'could not connect ahead of the first call');
  }
}
