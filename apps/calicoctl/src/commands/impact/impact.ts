import type { Resources } from '@calico-node/datastore';
import { familyOf, parseIp } from '@calico-node/net';
import { ImpactAnalysis, type NodePolicy, type PolicyPacket } from '@calico-node/policy';
import { callUnary, type felixV1 } from '@calico-node/rpc';
import { CommandError, type Io } from '../../io.ts';
import { renderAnswer, type AnswerFormat } from '../explain/answer-format.ts';
import { askFelix, CALL_TIMEOUT_MS } from '../explain/ask-felix.ts';
import type { Named } from '../named.ts';
import { describeConnections, describeImpact, type ChangedConnection } from './describe-impact.ts';
import { readNodePolicy, readPolicyResources, withChanges, type PolicyResources } from './policy-world.ts';

/** What a dry run does to verdicts: made before it, and told after it. */
export class DryRunImpact {
  readonly #resources: Resources;
  readonly #before: PolicyResources;
  readonly #node: NodePolicy;
  readonly #format: AnswerFormat;

  private constructor(resources: Resources, before: PolicyResources, node: NodePolicy, format: AnswerFormat) {
    this.#resources = resources;
    this.#before = before;
    this.#node = node;
    this.#format = format;
  }

  static async open(resources: Resources, format: AnswerFormat): Promise<DryRunImpact> {
    const [before, node] = await Promise.all([readPolicyResources(resources), readNodePolicy(resources)]);
    return new DryRunImpact(resources, before, node, format);
  }

  /** Prints what the resources that were written or deleted change. */
  async report(written: readonly Named[], io: Io): Promise<void> {
    const [after, node] = await Promise.all([
      withChanges(this.#before, written, this.#resources),
      readNodePolicy(this.#resources),
    ]);
    const nodes = { before: this.#node, after: node };
    const analysis = new ImpactAnalysis([...this.#before.values()], [...after.values()], nodes);
    const impact = analysis.pairs();
    const hasStaged = written.some(({ kind }) => kind.startsWith('Staged'));
    if (this.#format === 'text') {
      io.out(describeImpact(impact));
      if (hasStaged) io.out('Staged policies are not enforced, and change no verdict.\n');
    }
    const connections = await liveConnections(analysis, io);
    if (this.#format !== 'text') io.out(renderAnswer(this.#format, { ...impact, hasStaged, connections }));
    else if ('unknown' in connections) io.out(`Live connections: not looked at. ${connections.unknown}\n`);
    else io.out(describeConnections(connections.node, connections, connections.changed));
  }
}

/** The live connections of this node, and those of them that would have another verdict if begun anew. */
type LiveConnections =
  | {
      readonly node: string;
      readonly total: number;
      /** Beyond those that were looked at. */
      readonly leftOff: number;
      readonly changed: readonly ChangedConnection[];
    }
  /** Why they were not looked at. */
  | { readonly unknown: string };

async function liveConnections(analysis: ImpactAnalysis, io: Io): Promise<LiveConnections> {
  try {
    const { node, connections, leftOff } = await askFelix(io, (client) =>
      callUnary(client.listConnections.bind(client), {}, { timeoutMs: CALL_TIMEOUT_MS }),
    );
    const changed = connections.flatMap((connection) => {
      const impact = analysis.flow(packetOf(connection));
      return impact === undefined || impact.before === impact.after ? [] : [{ connection, ...impact }];
    });
    return { node, total: connections.length, leftOff, changed };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { unknown: error.message };
  }
}

function packetOf(connection: felixV1.Connection): PolicyPacket {
  const { protocol, sourcePort, destinationPort, icmpType, icmpCode } = connection;
  const [source, destination] = [parseIp(connection.source), parseIp(connection.destination)];
  const isIcmp = protocol === 1 || protocol === 58;
  const header = isIcmp ? { icmpType, icmpCode } : { sourcePort, destinationPort };
  return { family: familyOf(source), source, destination, protocol, ...header };
}
