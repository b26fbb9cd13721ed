import { parseInterfaceAddress, addToIp, type IpAddress } from '@calico-node/net';

/** What a lab is made of, decided before anything is created. */
export interface LabPlan {
  readonly name: string;
  /** Network namespace of the fabric: a bridge that joins the nodes, and etcd. */
  readonly fabricNetns: string;
  readonly fabricAddress: IpAddress;
  readonly prefixLength: number;
  readonly etcdEndpoint: string;
  readonly podCidr: string;
  readonly nodes: readonly NodePlan[];
}

export interface NodePlan {
  readonly name: string;
  readonly netns: string;
  readonly address: IpAddress;
  /** The fabric's end of the node's cable. */
  readonly fabricPort: string;
  /** Variables of this node's calico-node alone. */
  readonly settings: Readonly<Record<string, string>>;
}

export interface LabOptions {
  readonly name: string;
  readonly nodes: number;
  /** The fabric's own address and subnet; nodes get .11, .12, ... */
  readonly fabric?: string;
  readonly podCidr?: string;
  /** Variables of single nodes' calico-node, by the node's name. */
  readonly settings?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** How long etcd, and then the nodes, may take to answer; by default 15 and 45 s. */
  readonly readyTimeoutMs?: number;
}

/** A lab's name prefixes its namespaces: short, and safe in a path. */
export const labNamePattern = /^[a-z][a-z0-9]{0,11}$/;

export const maxNodes = 200;

/** Names and addresses of a lab. Deterministic, so that a lab can be taken down without its state file. */
export function planLab(options: LabOptions): LabPlan {
  if (!labNamePattern.test(options.name)) {
    throw new RangeError(`lab name '${options.name}' does not match ${labNamePattern.source}`);
  }
  if (!Number.isInteger(options.nodes) || options.nodes < 1 || options.nodes > maxNodes) {
    throw new RangeError(`${options.nodes} nodes asked for; 1 to ${maxNodes} can be made`);
  }
  const { ip: fabricAddress, prefixLength } = parseInterfaceAddress(options.fabric ?? '172.28.0.1/24');
  const nodes = Array.from({ length: options.nodes }, (_, index): NodePlan => {
    const name = `node${index + 1}`;
    return {
      name,
      netns: namespaceOf(options.name, name),
      address: addToIp(fabricAddress, 10 + index),
      fabricPort: name,
      settings: options.settings?.[name] ?? {},
    };
  });
  return {
    name: options.name,
    fabricNetns: namespaceOf(options.name, 'fabric'),
    fabricAddress,
    prefixLength,
    etcdEndpoint: `http://${fabricAddress}:2379`,
    podCidr: options.podCidr ?? '10.244.0.0/16',
    nodes,
  };
}

/** The network namespace of a lab's node, workload or fabric. */
export function namespaceOf(lab: string, member: string): string {
  return `${lab}-${member}`;
}
