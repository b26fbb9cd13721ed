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
    'A parameter is taken from the first of these that sets it to something that can be read: the variable of the environment (in any case); the line `Name = value` of `/etc/calico/felix.cfg` (in any case); FelixConfiguration `node.NAME`; those whose `nodeSelector` selects the node, the last by name first; FelixConfiguration `default`; else the default. What cannot be read is logged with its name, value, source and what is allowed. `none` stands for off, zero or an empty list. Durations are seconds in environment and file, and as in Go (`1m30s`) in FelixConfiguration.',
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
