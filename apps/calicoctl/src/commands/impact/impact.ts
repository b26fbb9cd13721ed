import type { Resources } from '@calico-node/datastore';
import { familyOf, parseIp } from '@calico-node/net';
import { ImpactAnalysis, type NodePolicy, type PolicyPacket } from '@calico-node/policy';
import { callUnary, type felixV1 } from '@calico-node/rpc';
import { CommandError, type Io } from '../../io.ts';
import { askFelix, CALL_TIMEOUT_MS } from '../explain/ask-felix.ts';
import type { Named } from '../named.ts';
import { describeConnections, describeImpact } from './describe-impact.ts';
import { readNodePolicy, readPolicyResources, withChanges, type PolicyResources } from './policy-world.ts';

/** What a dry run does to verdicts: made before it, and told after it. */
export class DryRunImpact {
  readonly #resources: Resources;
  readonly #before: PolicyResources;
  readonly #node: NodePolicy;

  private constructor(resources: Resources, before: PolicyResources, node: NodePolicy) {
    this.#resources = resources;
    this.#before = before;
    this.#node = node;
  }

  static async open(resources: Resources): Promise<DryRunImpact> {
    const [before, node] = await Promise.all([readPolicyResources(resources), readNodePolicy(resources)]);
    return new DryRunImpact(resources, before, node);
  }

  /** Prints what the resources that were written or deleted change. */
  async report(written: readonly Named[], io: Io): Promise<void> {
    const after = await withChanges(this.#before, written, this.#resources);
    const analysis = new ImpactAnalysis([...this.#before.values()], [...after.values()], this.#node);
    io.out(describeImpact(analysis.pairs()));
    if (written.some(({ kind }) => kind.startsWith('Staged'))) {
      io.out('Staged policies are not enforced, and change no verdict.\n');
    }
    io.out(await connectionsText(analysis, io));
  }
}

async function connectionsText(analysis: ImpactAnalysis, io: Io): Promise<string> {
  try {
    const { node, connections, leftOff } = await askFelix(io, (client) =>
      callUnary(client.listConnections.bind(client), {}, { timeoutMs: CALL_TIMEOUT_MS }),
    );
    const changed = connections.flatMap((connection) => {
      const impact = analysis.flow(packetOf(connection));
      return impact === undefined || impact.before === impact.after ? [] : [{ connection, ...impact }];
    });
    return describeConnections(node, { total: connections.length, leftOff }, changed);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return `Live connections: not looked at. ${error.message}\n`;
  }
}

function packetOf(connection: felixV1.Connection): PolicyPacket {
  const { protocol, sourcePort, destinationPort, icmpType, icmpCode } = connection;
  const [source, destination] = [parseIp(connection.source), parseIp(connection.destination)];
  const isIcmp = protocol === 1 || protocol === 58;
  const header = isIcmp ? { icmpType, icmpCode } : { sourcePort, destinationPort };
  return { family: familyOf(source), source, destination, protocol, ...header };
}
