import { serveUnix, unary, type RunningServer } from '@calico-node/rpc';
import {
  CniDataplaneService,
  type AddReply,
  type AddRequest,
  type CniDataplaneServer,
  type DelReply,
  type DelRequest,
} from '@calico-node/rpc/cni-dataplane';

/** A data plane of which only the gRPC side is there: it says that it made each interface, and keeps what it was asked. */
export class DataplaneServer implements AsyncDisposable {
  readonly added: AddRequest[] = [];
  readonly removed: DelRequest[] = [];
  addReply: AddReply = {
    successful: true,
    errorMessage: '',
    hostInterfaceName: 'tap7',
    containerMac: '02:00:00:00:00:07',
  };
  #server: RunningServer | undefined;

  static async start(socketPath: string): Promise<DataplaneServer> {
    const dataplane = new DataplaneServer();
    const implementation: CniDataplaneServer = {
      add: unary<AddRequest, AddReply>((request) => {
        dataplane.added.push(request);
        return dataplane.addReply;
      }),
      del: unary<DelRequest, DelReply>((request) => {
        dataplane.removed.push(request);
        return { successful: true, errorMessage: '' };
      }),
    };
    dataplane.#server = await serveUnix(socketPath, [[CniDataplaneService, implementation]]);
    return dataplane;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.close();
  }
}
