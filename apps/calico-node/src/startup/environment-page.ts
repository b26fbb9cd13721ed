import { nodeVariables, poolVariables, typhaVariables, type Variable } from './variables.ts';

/** Text in a table's cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function row(name: string, { unset, allowed, meaning }: Variable<unknown>): string {
  return `| \`${name}\` | ${cell(unset)} | ${cell(meaning)} Must be ${cell(allowed)}. |`;
}

function table(prefix: string, variables: Readonly<Record<string, Variable<unknown>>>): string {
  const rows = Object.entries(variables).map(([name, variable]) => row(prefix + name, variable));
  return ['| Variable | Not set | Meaning, and what is allowed |', '| --- | --- | --- |', ...rows].join('\n');
}

/** docs/environment.md: every variable that start-up knows, from the same tables that it reads by. */
export function renderEnvironmentPage(): string {
  return [
    '# The environment of a node',
    'What `calico-node` takes from its environment, as calico/node does. This page is made from the tables that start-up reads by (`apps/calico-node/src/startup/variables.ts`) with `vitest run --project unit apps/calico-node -u`.',
    'Everything is checked before anything is changed. What is malformed, or looks like a name from here misspelt, is refused with its name, the value and what is allowed, all at once; the exit code is 2. An empty variable is an absent one.',
    table('', nodeVariables),
    '## Default pools',
    table('CALICO_IPV4POOL_', poolVariables[4]),
    table('CALICO_IPV6POOL_', poolVariables[6]),
    '## Typha',
    'Checked, and of no effect: every node watches the store itself.',
    table('CALICO_TYPHA', typhaVariables),
    '## Others',
    [
      '- `HOSTNAME`: the name of a node without `NODENAME`, in lower case.',
      '- `ETCD_*`, `DATASTORE_TYPE`: where the store is; [calicoctl.md](calicoctl.md) and `calico-node` read them alike.',
      "- `FELIX_*`: Felix's parameters, [one for each](reference/felixconfiguration.md) of FelixConfiguration; a node does not start with one that is malformed. `FELIX_HEALTHHOST` and `FELIX_HEALTHPORT` also say where the probes ask.",
      '- `CALICO_RUN_DIR`, `CALICO_LIB_DIR`: the directories of sockets and of state; [operating.md](operating.md).',
      "- `CALICO_BIRD_CONFIG_DIR`, `CALICO_BIRD_RELOAD`, `CALICO_CONFD_DIR`, `CALICO_CONFD_DIR`, `CALICO_BGP_SECRETS_DIR`: confd's; its README.",
      "- `CALICO_LIBNETWORK_*`: the Docker drivers'; `libnetwork-plugin --help`.",
      '- `CALICO_LOG_LEVEL`: what every process logs, `info` where it is not set.',
    ].join('\n'),
  ]
    .join('\n\n')
    .concat('\n');
}
