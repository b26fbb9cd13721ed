/** The address families that an nf_tables table can belong to, by nft's own words. */
export type TableFamily = 'inet' | 'ip' | 'arp' | 'netdev' | 'bridge' | 'ip6';

/** NFPROTO_* (include/uapi/linux/netfilter.h). */
export const familyNumber: Readonly<Record<TableFamily, number>> = {
  inet: 1,
  ip: 2,
  arp: 3,
  netdev: 5,
  bridge: 7,
  ip6: 10,
};

const nameOf = new Map(Object.entries(familyNumber).map(([name, number]) => [number, name as TableFamily]));

/** The family of a number that the kernel sent; `undefined` for one that we do not know. */
export function familyOfNumber(number: number): TableFamily | undefined {
  return nameOf.get(number);
}

/** A table's identity: its name is unique within its family. */
export interface TableId {
  readonly family: TableFamily;
  readonly name: string;
}
