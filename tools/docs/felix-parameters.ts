import type { FieldDescription } from '@calico-node/model';
import { defaultText, parameterNames, parameters, type Parameter } from '../../apps/felix/src/config/parameters.ts';
import { cell, code } from './reference-page.ts';

/** Felix's parameters, as Markdown; what they mean is said by the fields of FelixConfiguration. */
export function renderFelixParameters(fields: readonly FieldDescription[]): string {
  const meanings = new Map(fields.map(({ name, description }) => [name, description]));
  const names = parameterNames.toSorted((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
  const rows = names.map((name) => {
    const known: Parameter<unknown> = parameters[name];
    const { type, field, live, idle, fatal, nonZero } = known;
    const text = defaultText(name);
    const columns = [
      code(name),
      code(`FELIX_${name.toUpperCase()}`),
      field === undefined ? '' : code(field),
      [`${type.allowed}.`, ...(nonZero ? ['Not `none`.'] : []), ...(fatal ? ['Else Felix ends.'] : [])].join(' '),
      text === '' ? '' : code(text),
      type.unit ?? '',
      idle === undefined ? 'yes' : `no: ${idle}`,
      idle === undefined ? (live ? 'live' : 'starts over') : '',
      meanings.get(field ?? '') ?? '',
    ];
    return `| ${columns.map(cell).join(' | ')} |`;
  });
  const idleCount = names.filter((name) => (parameters[name] as Parameter<unknown>).idle !== undefined).length;
  return [
    "# Felix's parameters",
    `Calico has ${names.length} of them. ${idleCount} have no effect here: they are read and checked all the same, and Felix logs a warning where one is set to something else than its default.`,
    'A parameter is taken from the first of these that sets it: the variable of the environment (in any case); the line `Name = value` of `/etc/calico/felix.cfg` (in any case); FelixConfiguration `node.NAME`; those whose `nodeSelector` selects the node, the last by name first; FelixConfiguration `default` (and ClusterInformation, for `ClusterType`); else the default. What cannot be read is logged with its name, value, source and what is allowed, and the default holds, whatever comes later in this list; where the table says so, Felix ends. Variables without a value say nothing. `none`, and in FelixConfiguration an empty list, stands for off, zero or nothing, so that `failsafeInboundHostPorts: []` is no failsafe port at all; where it is not possible, Felix ends. Durations are seconds in environment and file, and as in Go (`1m30s`) in FelixConfiguration. Numbers are decimal, or begin with `0x`, `0b` or `0`. An annotation `config.projectcalico.org/NAME` of a FelixConfiguration goes before its field, and sets what has no field too, but not where the store is.',
    "Whoever stores a FelixConfiguration with Calico's client stores some defaults with it: `floatingIPs`, `nftablesMode`, `nftablesFlowTableOffload` and two of eBPF. Start-up makes one for each node, `node.NAME`, so set these there, or in the environment, and not in `default`. Felix logs a warning where a default hides something else so.",
    'When one changes that has an effect, Felix starts over, in the same process and without a gap in policy; those that are live are changed while it runs.',
    [
      '| Name, also in the file | Environment | FelixConfiguration | Allowed | Default | Unit | Acts on it | Changed | Meaning |',
      '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
      ...rows,
    ].join('\n'),
    'This page is made from the table in `apps/felix/src/config` by `node tools/docs/generate-reference.ts`.',
  ]
    .join('\n\n')
    .concat('\n');
}
