import type { RpcError } from '../errors.ts';
import type { GrpcChannel } from './channel.ts';

/** A call that is answered with many messages; the server is held up while they are not taken. @throws RpcError */
export async function* callStreaming(channel: GrpcChannel, path: string, request: Uint8Array): AsyncGenerator<Buffer> {
  const arrived: Buffer[] = [];
  let end: { readonly error: RpcError | undefined } | undefined;
  let wake = (): void => undefined;
  const call = channel.call(
    path,
    {},
    {
      onMessage: (message) => {
        arrived.push(message);
        wake();
      },
      onEnd: (error) => {
        end = { error };
        wake();
      },
    },
  );
  call.write(request, true);
  try {
    for (;;) {
      const message = arrived.shift();
      if (message !== undefined) {
        call.taken(message);
        yield message;
        continue;
      }
      if (end !== undefined) {
        if (end.error !== undefined) throw end.error;
        return;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    call.cancel();
  }
}
