import type { Kind } from '../kinds/kind-names.ts';

/*
 * What Calico 3.32.1 stores for each document, byte for byte. Each value must also come back as it is from a
 * read and a write.
 */

/** Identity and time of every golden resource. */
export const CREATED = { uid: '5f2fa6a1-0000-4000-8000-000000000001', creationTimestamp: '2026-01-02T03:04:05Z' };
const STAMP = '"uid":"5f2fa6a1-0000-4000-8000-000000000001","creationTimestamp":"2026-01-02T03:04:05Z"';

/** A document and its stored form. */
export interface Golden {
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly spec: unknown;
  /** From `metadata`'s value on. */
  readonly stored: string;
}

const policyMetadata = (name: string, namespace = ''): string =>
  `{"name":"${name}"${namespace},${STAMP},"labels":{"projectcalico.org/tier":"default"},` +
  `"annotations":{"projectcalico.org/metadata":"{\\"name\\":\\"${name}\\"}"}}`;

export const goldens: Record<Kind, Golden> = {
  IPPool: {
    metadata: { name: 'p1' },
    spec: { cidr: '10.0.0.0/16', ipipMode: 'Always', natOutgoing: true },
    stored:
      `{"name":"p1",${STAMP}},"spec":{"cidr":"10.0.0.0/16","vxlanMode":"Never","ipipMode":"Always","natOutgoing":true,` +
      '"blockSize":26,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}',
  },
  Node: {
    metadata: { name: 'node-1' },
    spec: {
      bgp: { asNumber: '1.10', ipv4Address: '172.18.0.2/16' },
      addresses: [{ address: '172.18.0.2', type: 'CalicoNodeIP' }],
    },
    stored:
      `{"name":"node-1",${STAMP}},"spec":{"bgp":{"asNumber":65546,"ipv4Address":"172.18.0.2/16"},` +
      '"addresses":[{"address":"172.18.0.2","type":"CalicoNodeIP"}]},"status":{}}',
  },
  BGPConfiguration: {
    spec: { asNumber: 64512, nodeToNodeMeshEnabled: false, serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] },
    stored:
      `{"name":"default",${STAMP}},"spec":{"logSeverityScreen":"Info","nodeToNodeMeshEnabled":false,"asNumber":64512,` +
      '"serviceClusterIPs":[{"cidr":"10.96.0.0/12"}],"serviceLoadBalancerAggregation":"Enabled"}}',
  },
  BGPPeer: {
    metadata: { name: 'tor' },
    spec: {
      nodeSelector: "rack == 'r1' && has(x)",
      peerIP: '192.0.2.1',
      asNumber: 65000,
      maxRestartTime: '90s',
      ttlSecurity: 1,
    },
    stored:
      `{"name":"tor",${STAMP}},"spec":{"nodeSelector":"rack == 'r1' \\u0026\\u0026 has(x)","peerIP":"192.0.2.1",` +
      '"asNumber":65000,"maxRestartTime":"1m30s","ttlSecurity":1}}',
  },
  BGPFilter: {
    metadata: { name: 'f' },
    spec: {
      exportV4: [{ cidr: '10.0.0.0/8', matchOperator: 'In', action: 'Accept' }],
      importV6: [{ action: 'Reject' }],
    },
    stored:
      `{"name":"f",${STAMP}},"spec":{"exportV4":[{"cidr":"10.0.0.0/8","matchOperator":"In","action":"Accept"}],` +
      '"importV6":[{"action":"Reject"}]}}',
  },
  BlockAffinity: {
    metadata: { name: 'n1-10-0-0-0-26' },
    spec: { state: 'confirmed', node: 'n1', cidr: '10.0.0.0/26' },
    stored: `{"name":"n1-10-0-0-0-26",${STAMP}},"spec":{"state":"confirmed","node":"n1","cidr":"10.0.0.0/26","deleted":"false"}}`,
  },
  CalicoNodeStatus: {
    metadata: { name: 's' },
    spec: { node: 'n1', classes: ['Agent', 'BGP'], updatePeriodSeconds: 0 },
    stored:
      `{"name":"s",${STAMP}},"spec":{"node":"n1","classes":["Agent","BGP"],"updatePeriodSeconds":0},` +
      '"status":{"lastUpdated":null,"agent":{"birdV4":{},"birdV6":{}},"bgp":{"numberEstablishedV4":0,' +
      '"numberNotEstablishedV4":0,"numberEstablishedV6":0,"numberNotEstablishedV6":0},"routes":{}}}',
  },
  ClusterInformation: {
    spec: {
      clusterGUID: '0123456789abcdef0123456789abcdef',
      clusterType: 'bgp',
      calicoVersion: 'v3.32.1',
      datastoreReady: false,
    },
    stored:
      `{"name":"default",${STAMP}},"spec":{"clusterGUID":"0123456789abcdef0123456789abcdef","clusterType":"bgp",` +
      '"calicoVersion":"v3.32.1","datastoreReady":false}}',
  },
  FelixConfiguration: {
    spec: {
      reportingInterval: '30s',
      ipipEnabled: false,
      failsafeInboundHostPorts: [],
      failsafeOutboundHostPorts: [
        { protocol: 'UDP', port: 53, net: '10.0.0.0/8' },
        { protocol: 'SCTP', port: 0 },
      ],
      natPortRange: '1000:2000',
      routeTableRanges: [{ min: 1, max: 250 }],
      iptablesMarkMask: 4294901760,
    },
    stored:
      `{"name":"default",${STAMP}},"spec":{"ipipEnabled":false,"reportingInterval":"30s","iptablesMarkMask":4294901760,` +
      '"failsafeInboundHostPorts":[],"failsafeOutboundHostPorts":[{"protocol":"UDP","port":53,"net":"10.0.0.0/8"},{"protocol":"SCTP","port":0}],' +
      '"natPortRange":"1000:2000","nftablesMode":"Auto","nftablesFlowTableOffload":"Disabled","bpfLogLevel":"",' +
      '"bpfConnectTimeLoadBalancing":"TCP","bpfHostNetworkedNATWithoutCTLB":"Enabled","routeTableRanges":[{"min":1,"max":250}],' +
      '"floatingIPs":"Disabled"}}',
  },
  GlobalNetworkPolicy: {
    metadata: { name: 'deny-all' },
    spec: {
      order: 0,
      selector: 'all()',
      types: ['Ingress', 'Egress'],
      egress: [
        { action: 'Allow', protocol: 17, destination: { ports: [53, '1000:2000', '7:7'], notNets: ['10.0.0.0/8'] } },
      ],
    },
    stored:
      `${policyMetadata('deny-all')},"spec":{"tier":"default","order":0,"egress":[{"action":"Allow","protocol":17,` +
      '"destination":{"ports":[53,"1000:2000",7],"notNets":["10.0.0.0/8"]}}],"selector":"all()","types":["Ingress","Egress"]}}',
  },
  NetworkPolicy: {
    metadata: { name: 'web' },
    spec: {
      order: 10.5,
      selector: 'app == "web"',
      ingress: [
        {
          action: 'Allow',
          protocol: 'TCP',
          source: { selector: 'role == "fe"', namespaceSelector: 'global()' },
          destination: { ports: ['http'] },
          http: { methods: ['GET'], paths: [{ exact: '/a' }] },
          metadata: { annotations: { b: '2', a: '1' } },
        },
        { action: 'Deny', protocol: 'ICMP', icmp: { type: 8, code: 0 }, ipVersion: 4 },
      ],
    },
    stored:
      `${policyMetadata('web', ',"namespace":"prod"')},"spec":{"tier":"default","order":10.5,"ingress":[` +
      '{"action":"Allow","protocol":"TCP","source":{"selector":"role == \\"fe\\"","namespaceSelector":"global()"},' +
      '"destination":{"ports":["http"]},"http":{"methods":["GET"],"paths":[{"exact":"/a"}]},' +
      '"metadata":{"annotations":{"a":"1","b":"2"}}},' +
      '{"action":"Deny","ipVersion":4,"protocol":"ICMP","icmp":{"type":8,"code":0}}],' +
      '"selector":"app == \\"web\\"","types":["Ingress"]}}',
  },
  StagedGlobalNetworkPolicy: {
    metadata: { name: 'later' },
    spec: { selector: 'all()', egress: [{ action: 'Deny' }] },
    stored:
      `${policyMetadata('later')},"spec":{"stagedAction":"Set","tier":"default","egress":[{"action":"Deny"}],` +
      '"selector":"all()","types":["Egress"]}}',
  },
  StagedNetworkPolicy: {
    metadata: { name: 'gone' },
    spec: { stagedAction: 'Delete' },
    stored: `${policyMetadata('gone', ',"namespace":"prod"')},"spec":{"stagedAction":"Delete","tier":"default"}}`,
  },
  StagedKubernetesNetworkPolicy: {
    metadata: { name: 'k' },
    spec: {
      podSelector: { matchLabels: { app: 'web' } },
      ingress: [{ from: [{ podSelector: {} }], ports: [{ protocol: 'TCP', port: 80 }] }],
      policyTypes: ['Ingress'],
    },
    stored:
      `{"name":"k","namespace":"prod",${STAMP}},"spec":{"stagedAction":"Set","podSelector":{"matchLabels":{"app":"web"}},` +
      '"ingress":[{"ports":[{"protocol":"TCP","port":80}],"from":[{"podSelector":{}}]}],"policyTypes":["Ingress"]}}',
  },
  NetworkSet: {
    metadata: { name: 'set', labels: { b: '', a: 'x' } },
    spec: { nets: ['10.0.0.0/8', '192.0.2.1'] },
    stored: `{"name":"set","namespace":"prod",${STAMP},"labels":{"a":"x","b":""}},"spec":{"nets":["10.0.0.0/8","192.0.2.1"]}}`,
  },
  GlobalNetworkSet: {
    metadata: { name: 'set' },
    spec: {},
    stored: `{"name":"set",${STAMP}},"spec":{}}`,
  },
  HostEndpoint: {
    metadata: { name: 'h' },
    spec: { node: 'n1', interfaceName: '*', ports: [{ name: 'ssh', protocol: 'TCP', port: 22 }] },
    stored: `{"name":"h",${STAMP}},"spec":{"node":"n1","interfaceName":"*","ports":[{"name":"ssh","protocol":"TCP","port":22}]}}`,
  },
  WorkloadEndpoint: {
    metadata: { name: 'my--node-k8s-web--0-eth0', labels: { app: 'web' } },
    spec: {
      orchestrator: 'k8s',
      node: 'my-node',
      containerID: 'abc',
      pod: 'web-0',
      endpoint: 'eth0',
      ipNetworks: ['10.0.0.1/32'],
      profiles: ['kns.prod'],
      interfaceName: 'cali0123456789a',
      mac: 'ee:ee:ee:ee:ee:ee',
      ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
    },
    stored:
      `{"name":"my--node-k8s-web--0-eth0","namespace":"prod",${STAMP},` +
      '"labels":{"app":"web","projectcalico.org/namespace":"prod","projectcalico.org/orchestrator":"k8s"}},' +
      '"spec":{"orchestrator":"k8s","node":"my-node","containerID":"abc","pod":"web-0","endpoint":"eth0",' +
      '"ipNetworks":["10.0.0.1/32"],"profiles":["kns.prod"],"interfaceName":"cali0123456789a","mac":"ee:ee:ee:ee:ee:ee",' +
      '"ports":[{"name":"http","protocol":"TCP","port":80,"hostPort":0,"hostIP":""}]}}',
  },
  Profile: {
    metadata: { name: 'kns.prod' },
    spec: {
      ingress: [{ action: 'Allow' }],
      egress: [{ action: 'Allow' }],
      labelsToApply: { 'pcns.b': 'x', 'pcns.a': '' },
    },
    stored:
      `{"name":"kns.prod",${STAMP}},"spec":{"ingress":[{"action":"Allow"}],"egress":[{"action":"Allow"}],` +
      '"labelsToApply":{"pcns.a":"","pcns.b":"x"}}}',
  },
  Tier: {
    spec: {},
    stored: `{"name":"default",${STAMP}},"spec":{"order":1000000,"defaultAction":"Deny"},"status":{}}`,
  },
  IPAMConfiguration: {
    spec: { strictAffinity: true, maxBlocksPerHost: 4 },
    stored: `{"name":"default",${STAMP}},"spec":{"strictAffinity":true,"maxBlocksPerHost":4,"autoAllocateBlocks":true}}`,
  },
  IPReservation: {
    metadata: { name: 'r' },
    spec: { reservedCIDRs: ['10.0.0.0/29'] },
    stored: `{"name":"r",${STAMP}},"spec":{"reservedCIDRs":["10.0.0.0/29"]}}`,
  },
  KubeControllersConfiguration: {
    spec: {
      controllers: { node: { reconcilerPeriod: '5m', hostEndpoint: { autoCreate: 'Enabled' } }, loadBalancer: {} },
    },
    stored:
      `{"name":"default",${STAMP}},"spec":{"healthChecks":"Enabled","prometheusMetricsPort":9094,"controllers":{"node":{"reconcilerPeriod":"5m0s",` +
      '"hostEndpoint":{"autoCreate":"Enabled"},"leakGracePeriod":"15m0s"},"loadBalancer":{"assignIPs":"AllServices"}}},"status":{}}',
  },
};
