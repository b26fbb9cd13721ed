/*
 * The peer of the `ipam` service in ipam-speed: a process that reads and writes the store for each request and
 * keeps nothing between them. It serves as many requests at once as its caller sends: allocates and gives back
 * as a plug-in that goes to the store itself.
 *
 * cold-server ENDPOINT NODE together|in-turn: whether block and handle are written in one transaction, as our own
 * plug-ins do, or each by a compare-and-swap of its own, as Calico does.
 */
import { connectDatastore, type Backend } from '@calico-node/datastore';
import { Ipam } from '@calico-node/ipam';

const [endpoint = '', nodeName = '', writes = 'together'] = process.argv.slice(2);

/** The store without transactions over several objects. */
function inTurn(backend: Backend): Backend {
  return new Proxy(backend, {
    get(target, name) {
      const value: unknown = name === 'commit' ? undefined : Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

const backend = connectDatastore({ type: 'etcdv3', endpoints: [endpoint], tls: {} });
const ipam = new Ipam(writes === 'together' ? backend : inTurn(backend));

interface Message {
  readonly id: number;
  readonly type: 'assign' | 'release';
  readonly handleId: string;
}

async function handle({ type, handleId }: Message): Promise<readonly string[]> {
  if (type === 'release') return ipam.releaseByHandle(handleId);
  const held = await ipam.ipsByHandle(handleId);
  if (held.length > 0) return held.map(({ ip }) => ip);
  const { ipv4, shortfall } = await ipam.autoAssign({
    num4: 1,
    handleId,
    nodeName,
    use: 'Workload',
    attributes: { node: nodeName },
  });
  if (shortfall !== undefined) throw shortfall;
  return ipv4.map(({ ip }) => ip);
}

process.on('message', (message: Message) => {
  handle(message).then(
    (ips) => process.send?.({ id: message.id, ips }),
    (error: unknown) => process.send?.({ id: message.id, error: String(error) }),
  );
});
process.send?.({ id: -1 });
