/** What a kind is called. */
export interface KindNames {
  /** Its segment in store keys. */
  readonly plural: string;
  readonly isNamespaced: boolean;
  /** Further names that calicoctl accepts, in lower case. */
  readonly shortNames: readonly string[];
}

/** Every kind that is stored. Apart from their tables, so that finding one by name does not make all of them. */
export const kindNames = {
  BGPConfiguration: { plural: 'bgpconfigurations', isNamespaced: false, shortNames: ['bgpconfig', 'bgpconfigs'] },
  BGPFilter: { plural: 'bgpfilters', isNamespaced: false, shortNames: ['bgpf', 'bgpfs', 'bf', 'bfs'] },
  BGPPeer: { plural: 'bgppeers', isNamespaced: false, shortNames: ['bgpp', 'bgpps', 'bp', 'bps'] },
  BlockAffinity: { plural: 'blockaffinities', isNamespaced: false, shortNames: [] },
  CalicoNodeStatus: { plural: 'caliconodestatuses', isNamespaced: false, shortNames: ['nodestatus', 'nodestatuses'] },
  ClusterInformation: {
    plural: 'clusterinformations',
    isNamespaced: false,
    shortNames: ['clusterinfo', 'clusterinfos'],
  },
  FelixConfiguration: {
    plural: 'felixconfigurations',
    isNamespaced: false,
    shortNames: ['felixconfig', 'felixconfigs'],
  },
  GlobalNetworkPolicy: { plural: 'globalnetworkpolicies', isNamespaced: false, shortNames: ['gnp', 'gnps'] },
  GlobalNetworkSet: { plural: 'globalnetworksets', isNamespaced: false, shortNames: ['gnetset', 'gnetsets'] },
  HostEndpoint: { plural: 'hostendpoints', isNamespaced: false, shortNames: ['hep', 'heps'] },
  IPAMConfiguration: { plural: 'ipamconfigurations', isNamespaced: false, shortNames: ['ipamconfig', 'ipamconfigs'] },
  IPPool: { plural: 'ippools', isNamespaced: false, shortNames: ['ipp', 'ipps', 'pool', 'pools'] },
  IPReservation: { plural: 'ipreservations', isNamespaced: false, shortNames: ['reservation', 'reservations'] },
  KubeControllersConfiguration: {
    plural: 'kubecontrollersconfigurations',
    isNamespaced: false,
    shortNames: ['kubecontrollersconfig', 'kubecontrollersconfigs'],
  },
  NetworkPolicy: {
    plural: 'networkpolicies',
    isNamespaced: true,
    shortNames: ['policy', 'policies', 'np', 'nps', 'pol', 'pols'],
  },
  NetworkSet: { plural: 'networksets', isNamespaced: true, shortNames: ['netset', 'netsets'] },
  Node: { plural: 'nodes', isNamespaced: false, shortNames: ['no', 'nos'] },
  Profile: { plural: 'profiles', isNamespaced: false, shortNames: ['pro', 'pros'] },
  StagedGlobalNetworkPolicy: {
    plural: 'stagedglobalnetworkpolicies',
    isNamespaced: false,
    shortNames: ['sgnp', 'sgnps'],
  },
  StagedKubernetesNetworkPolicy: {
    plural: 'stagedkubernetesnetworkpolicies',
    isNamespaced: true,
    shortNames: ['stagedkubernetespolicy', 'stagedkubernetespolicies', 'sknp', 'sknps', 'skpol', 'skpols'],
  },
  StagedNetworkPolicy: {
    plural: 'stagednetworkpolicies',
    isNamespaced: true,
    shortNames: ['stagedpolicy', 'stagedpolicies', 'snp', 'snps', 'spol', 'spols'],
  },
  Tier: { plural: 'tiers', isNamespaced: false, shortNames: [] },
  WorkloadEndpoint: { plural: 'workloadendpoints', isNamespaced: true, shortNames: ['wep', 'weps'] },
} as const satisfies Readonly<Record<string, KindNames>>;

/** The kinds of resource in the store. */
export type Kind = keyof typeof kindNames;

/** Every kind, in the order of their names. */
export const kinds = Object.keys(kindNames) as readonly Kind[]; // the keys of a literal

export function namesOf(kind: Kind): KindNames {
  return kindNames[kind];
}

/** Whether it is the name of a stored kind, in the API's spelling. */
export function isKind(name: unknown): name is Kind {
  return typeof name === 'string' && Object.hasOwn(kindNames, name);
}

const byPlural: ReadonlyMap<string, Kind> = new Map(kinds.map((kind) => [kindNames[kind].plural, kind]));

/** The kind with a segment of store keys. */
export function kindOfPlural(plural: string): Kind | undefined {
  return byPlural.get(plural);
}
