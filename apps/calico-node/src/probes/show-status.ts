import { nodeV1 } from '@calico-node/rpc';

function stateName(state: nodeV1.ProcessState): string {
  const found = Object.entries(nodeV1.ProcessState).find(([, value]) => value === state);
  return (found?.[0] ?? 'UNSPECIFIED').toLowerCase().replaceAll('_', ' ');
}

/** The node's processes as a table, and below it why the node is not ready. */
export function renderStatus(status: nodeV1.GetStatusResponse): string {
  const rows = [
    ['PROCESS', 'STATE', 'PID', 'RESTARTS', 'LAST EXIT', 'READY'],
    ...status.processes.map((one) => [
      one.name,
      stateName(one.state),
      one.pid === 0 ? '-' : String(one.pid),
      String(one.restarts),
      one.lastExit === '' ? '-' : one.lastExit,
      one.ready ? 'yes' : 'no',
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const table = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const verdict = status.ready ? 'ready' : ['not ready:', ...status.causes.map((cause) => `  ${cause}`)].join('\n');
  return `${status.nodeName} (back end ${status.backend})\n\n${table.join('\n')}\n\n${verdict}\n`;
}
