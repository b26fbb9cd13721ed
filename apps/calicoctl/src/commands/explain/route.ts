import { blockKey, decodeBlock, resourceKey, type AllocationBlock, type IPPool } from '@calico-node/model';
import {
  cidrContains,
  cidrOf,
  familyOf,
  ipToBigInt,
  parseCidr,
  parseIp,
  splitCidr,
  tryParseCidr,
  tryParseIp,
  type IpAddress,
} from '@calico-node/net';
import { callUnary } from '@calico-node/rpc';
import type { Io } from '../../io.ts';
import { withSession, type DatastoreOptions, type Session } from '../../session.ts';
import { askFelix, CALL_TIMEOUT_MS } from './ask-felix.ts';
import { renderAnswer, type AnswerFormat } from './answer-format.ts';
import { flowRequestOf } from './flow-request.ts';
import { describeRoute, reasonOf, type AddressFacts, type Holder } from './describe-route.ts';

export type RouteOptions = DatastoreOptions & { readonly output: AnswerFormat };

/** `calicoctl explain route`. @throws CommandError for what has no address, and when Felix does not answer. */
export async function explainRoute(text: string, options: RouteOptions, io: Io): Promise<void> {
  const address = addressOf(text) ?? (await addressCalled(text, io));
  const kernel = await askFelix(io, (client) =>
    callUnary(client.lookUpRoute.bind(client), { address }, { timeoutMs: CALL_TIMEOUT_MS }),
  );
  const facts = await withSession(options, io, (session) => factsOf(address, session), { isReadOnly: true });
  const { output } = options;
  if (output === 'text') io.out(describeRoute(address, kernel, facts));
  else io.out(renderAnswer(output, { address, why: reasonOf(kernel.entry, facts), kernel, ...facts }));
}

/** The address, or a network's first one. */
function addressOf(text: string): IpAddress | undefined {
  const cidr = tryParseCidr(text);
  return cidr === undefined ? tryParseIp(text) : splitCidr(cidr).ip;
}

/** That of an endpoint or a node, as Felix takes it for the end of a flow. @throws CommandError for what is none. */
async function addressCalled(name: string, io: Io): Promise<IpAddress> {
  const flow = flowRequestOf({ from: name, to: name, protocol: 'ICMP' });
  const { destination } = await askFelix(io, (client) =>
    callUnary(client.explainFlow.bind(client), flow, { timeoutMs: CALL_TIMEOUT_MS }),
  );
  return parseIp(destination);
}

async function factsOf(address: IpAddress, { backend, resources }: Session): Promise<AddressFacts> {
  const { items } = await resources.list('IPPool');
  const pool = items.find(({ spec }) => {
    const cidr = tryParseCidr(spec.cidr);
    return cidr !== undefined && cidrContains(cidr, address);
  });
  if (pool === undefined) return {};
  const poolFact = { name: pool.metadata.name, revision: pool.metadata.resourceVersion ?? '', spec: pool.spec };
  const cidr = cidrOf(address, blockSizeOf(pool, address));
  const stored = await backend.get(blockKey(cidr));
  if (stored === undefined) return { pool: poolFact };
  const block = decodeBlock(stored.value);
  const blockHost = block.affinity?.startsWith('host:') === true ? block.affinity.slice('host:'.length) : '';
  const holder = holderOf(block, address);
  const host = holder?.node ?? blockHost;
  const node = host === '' ? undefined : await backend.get(resourceKey('Node', host));
  return {
    pool: poolFact,
    block: { cidr, host: blockHost, revision: String(stored.revision) },
    ...(holder === undefined ? {} : { holder }),
    ...(node === undefined ? {} : { node: { name: host, revision: String(node.revision) } }),
  };
}

function blockSizeOf({ spec }: IPPool, address: IpAddress): number {
  return spec.blockSize ?? (familyOf(address) === 4 ? 26 : 122);
}

/** What the block says of who has the address. */
function holderOf(block: AllocationBlock, address: IpAddress): Holder | undefined {
  const ordinal = Number(ipToBigInt(address) - ipToBigInt(splitCidr(parseCidr(block.cidr)).ip));
  const index = block.allocations[ordinal];
  const attribute = index === undefined || index === null ? undefined : block.attributes?.[index];
  if (attribute === undefined) return undefined;
  const { node, namespace = '', pod, type } = attribute.secondary ?? {};
  return {
    ...(node === undefined ? {} : { node }),
    what: pod === undefined ? (type ?? attribute.handle_id ?? 'somebody') : `workload ${namespace}/${pod}`,
  };
}
