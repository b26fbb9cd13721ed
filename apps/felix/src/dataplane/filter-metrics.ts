import type { PolicyCounts } from './policy-driver.ts';

/** One number with its labels. */
export interface Measurement {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric of the packet filter that is looked up when it is read. */
export interface FilterMetric {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly labels?: readonly string[];
  readonly read: (counts: PolicyCounts) => readonly Measurement[];
}

const perTable = ['ip_version', 'table'] as const;

function tableMetrics(prefix: string): readonly FilterMetric[] {
  const of = (count: 'chains' | 'rules'): FilterMetric['read'] => {
    return ({ tables }) =>
      tables.map((counts) => ({ labels: labelsOf(counts.family, counts.table), value: counts[count] }));
  };
  return [
    { name: `${prefix}_chains`, type: 'gauge', help: 'Chains in the kernel.', labels: perTable, read: of('chains') },
    { name: `${prefix}_rules`, type: 'gauge', help: 'Rules in the kernel.', labels: perTable, read: of('rules') },
  ];
}

function perFamily(name: string, help: string, count: 'sets' | 'maps'): FilterMetric {
  return {
    name,
    type: 'gauge',
    help,
    labels: ['ip_version'],
    read: ({ families }) =>
      families.map((counts) => ({ labels: { ip_version: String(counts.family) }, value: counts[count] })),
  };
}

function counter(name: string, help: string, value: (counts: PolicyCounts) => number | undefined): FilterMetric {
  return { name, type: 'counter', help, read: (counts) => [{ value: value(counts) ?? 0 }] };
}

const labelsOf = (family: number, table: string) => ({ ip_version: String(family), table });

/** What is measured of each packet filter, under Felix's names. */
export const filterMetrics: Readonly<Record<'nftables' | 'iptables', readonly FilterMetric[]>> = {
  nftables: [
    ...tableMetrics('felix_nft'),
    perFamily('felix_nft_sets', 'IP sets in the kernel.', 'sets'),
    perFamily('felix_nft_maps', 'Verdict maps in the kernel.', 'maps'),
    counter('felix_nft_calls', 'Transactions of nf_tables.', ({ nftables }) => nftables?.commits),
    counter('felix_nft_errors', 'Transactions that the kernel refused.', ({ nftables }) => nftables?.commitErrors),
    counter(
      'felix_nft_set_calls',
      'Transactions that changed IP sets or their members.',
      ({ nftables }) => nftables?.setCommits,
    ),
    counter(
      'felix_nft_set_errors',
      'Of these those that the kernel refused.',
      ({ nftables }) => nftables?.setCommitErrors,
    ),
    counter('felix_nft_list_calls', 'Readings of a whole table.', ({ nftables }) => nftables?.reads),
    counter('felix_nft_list_errors', 'Readings that failed.', ({ nftables }) => nftables?.readErrors),
  ],
  iptables: [
    ...tableMetrics('felix_iptables'),
    perFamily('felix_ipsets_calico', 'IP sets of Felix in the kernel.', 'sets'),
    {
      name: 'felix_ipsets_total',
      type: 'gauge',
      help: 'IP sets in the kernel, whoever made them.',
      read: ({ ipsets }) => [{ value: ipsets?.total() ?? 0 }],
    },
    counter('felix_ipset_calls', 'Batches of changes to IP sets.', ({ ipsets }) => ipsets?.calls),
    counter('felix_ipset_errors', 'Batches that had an error.', ({ ipsets }) => ipsets?.errors),
    counter('felix_ipset_lines_executed', 'Single changes to IP sets.', ({ ipsets }) => ipsets?.operations),
    counter('felix_iptables_restore_calls', 'Runs of iptables-restore.', ({ programs }) => programs?.restoreCalls),
    counter(
      'felix_iptables_restore_errors',
      'Runs of iptables-restore that failed.',
      ({ programs }) => programs?.restoreErrors,
    ),
    counter('felix_iptables_save_calls', 'Runs of iptables-save.', ({ programs }) => programs?.saveCalls),
    counter('felix_iptables_save_errors', 'Runs of iptables-save that failed.', ({ programs }) => programs?.saveErrors),
    {
      name: 'felix_iptables_lines_executed',
      type: 'counter',
      help: 'Lines that iptables-restore was given.',
      labels: perTable,
      read: ({ programs }) =>
        (programs?.linesExecuted ?? []).map(({ family, table, lines }) => ({
          labels: labelsOf(family, table),
          value: lines,
        })),
    },
  ],
};
