import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { Ipam } from '@calico-node/ipam';
import { NetParseError, parseNodeName, type NodeName } from '@calico-node/net';
import { nodePaths, type NodePaths } from '@calico-node/service';
import {
  EndpointStore,
  LibraryAddresses,
  ServiceAddresses,
  StandaloneWorkloads,
  type StandaloneId,
} from '@calico-node/workload';
import { CommandError, type Io } from '../../io.ts';
import { withSession, type DatastoreOptions, type Session } from '../../session.ts';

/** That the service does not run is no news to whoever runs no node here. */
const quiet = { warn: () => undefined };

export interface WorkloadOptions extends DatastoreOptions {
  readonly name: string;
  readonly namespace: string;
  readonly interface: string;
  readonly nodeName?: string;
}

/** This node, and how workloads are attached to it. */
export interface LocalNode extends Session {
  readonly id: StandaloneId;
  readonly workloads: StandaloneWorkloads;
  readonly endpoints: EndpointStore;
  readonly paths: NodePaths;
  /** What the names of interfaces that Felix looks after start with. */
  readonly prefixes: readonly string[];
}

/**
 * Runs a command that changes this node's interfaces. Addresses come from the node's IPAM service, or straight from
 * the store while nobody serves it.
 * @throws CommandError for whoever is not root, and for names that are none.
 */
export async function withLocalNode<T>(
  options: WorkloadOptions,
  io: Io,
  use: (node: LocalNode) => Promise<T>,
): Promise<T> {
  if (!io.isRoot) throw new CommandError('attaching workloads changes network interfaces: run it as root');
  const paths = nodePaths(io.env);
  const id: StandaloneId = {
    node: nodeNameOf(options.nodeName ?? io.env['NODENAME'], paths),
    namespace: nameOf('namespace', options.namespace),
    name: nameOf('name', options.name),
    endpoint: interfaceOf(options.interface),
  };
  return withSession(options, io, async (session) => {
    const ipam = new Ipam(session.backend);
    const addresses = new ServiceAddresses(paths.ipamSocket, new LibraryAddresses(ipam), quiet);
    try {
      const endpoints = new EndpointStore(session.backend, session.resources);
      const workloads = new StandaloneWorkloads(endpoints, addresses);
      const prefixes = await prefixesOf(session, id.node, io);
      return await use({ ...session, id, workloads, endpoints, paths, prefixes });
    } finally {
      addresses.close();
    }
  });
}

/** Felix's interface prefixes: the environment's, the node's own, the cluster's, in this order; `cali` if none is set. */
async function prefixesOf({ resources }: Session, node: NodeName, io: Io): Promise<readonly string[]> {
  const { items } = await resources.list('FelixConfiguration');
  const configured = [`node.${node}`, 'default'].map(
    (name) => items.find(({ metadata }) => metadata.name === name)?.spec.interfacePrefix,
  );
  const text = [io.env['FELIX_INTERFACEPREFIX'], ...configured].find((value) => value !== undefined && value !== '');
  return (text ?? 'cali').split(',').map((prefix) => prefix.trim());
}

/** As the node's processes find it. */
function nodeNameOf(given: string | undefined, { nodenameFile }: NodePaths): NodeName {
  const name = given ?? fileText(nodenameFile) ?? hostname().trim().toLowerCase();
  try {
    return parseNodeName(name);
  } catch (error) {
    if (!(error instanceof NetParseError)) throw error;
    throw new CommandError(`"${name}" is no node's name`, { cause: error });
  }
}

/** The text of a small file; undefined when it is missing or empty. */
export function fileText(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8').trim();
    return text === '' ? undefined : text;
  } catch {
    return undefined;
  }
}

function nameOf(what: string, text: string): string {
  if (/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/.test(text)) return text;
  throw new CommandError(
    `"${text}" is not valid as a ${what}: use up to 63 lower-case letters, digits, "-" and ".", the ends not - or .`,
  );
}

function interfaceOf(text: string): string {
  if (/^[a-z0-9]([-a-z0-9.]{0,13}[a-z0-9])?$/.test(text)) return text;
  throw new CommandError(`"${text}" is not valid as an interface's name in the store`);
}
