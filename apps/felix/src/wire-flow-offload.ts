import type { Family } from '@calico-node/net';
import type { ServiceContext } from '@calico-node/service';
import type { FelixParameters } from './config/parameters.ts';
import type { DriverChoice } from './dataplane/driver-choice.ts';
import type { FlowOffload } from './dataplane/flow-offload/flow-offload.ts';
import { removeFlowTable } from './dataplane/flow-offload/remove-flow-table.ts';
import { tunnelDevices } from './rules/tunnel-rules.ts';

export interface FlowOffloadWiring {
  readonly values: Pick<
    FelixParameters,
    'NFTablesFlowTableOffload' | 'NFTablesFlowTableDataIfacePattern' | 'InterfacePrefix'
  >;
  readonly filter: DriverChoice['kind'];
  readonly families: readonly Family[];
  readonly context: Pick<ServiceContext, 'log' | 'metrics'>;
  readonly onDirty: () => void;
}

export interface FlowOffloadParts extends Disposable {
  readonly flows: FlowOffload;
}

/** The flow table where one is asked for; else the one that an earlier run may have left is taken away. */
export async function wireFlowOffload(wiring: FlowOffloadWiring): Promise<FlowOffloadParts | undefined> {
  const { values, filter, families, onDirty } = wiring;
  const { log, metrics } = wiring.context;
  const { NFTablesFlowTableDataIfacePattern: pattern, InterfacePrefix: prefixes } = values;
  const isAskedFor = values.NFTablesFlowTableOffload === 'All';
  if (isAskedFor && filter === 'nftables') {
    // Rare.
    const { FlowOffload } = await import('./dataplane/flow-offload/flow-offload.ts');
    const tunnels = new Set<string>(Object.values(tunnelDevices));
    const isDataInterface = (name: string): boolean => tunnels.has(name) || pattern.test(name);
    const { flowMetrics } = await import('./dataplane/flow-offload/flow-metrics.ts');
    using parts = new DisposableStack();
    const flows = parts.use(new FlowOffload({ families, prefixes, isDataInterface, log, onDirty }));
    parts.use(flowMetrics(metrics.registry, flows));
    const opened = parts.move();
    return {
      flows,
      [Symbol.dispose]: () => {
        opened.dispose();
      },
    };
  }
  if (isAskedFor) log.warn({ packetFilter: filter }, 'NFTablesFlowTableOffload has no effect: it needs nftables');
  try {
    removeFlowTable();
  } catch (error) {
    log.debug({ err: error }, 'there is no flow table to take away: the kernel does not answer for nf_tables');
  }
  return undefined;
}
