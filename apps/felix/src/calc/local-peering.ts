import type { BGPConfiguration, BGPPeer, Node } from '@calico-node/model';
import { parseIp, type IpAddress } from '@calico-node/net';
import { labelsOf, type Labels, type Selector } from '@calico-node/selector';
import type { SelectorCache } from './convert/selectors.ts';
import type { LocalWorkloadEndpoint } from './intents.ts';

export type WorkloadPeering = Pick<LocalWorkloadEndpoint, 'bgpPeer' | 'peeringAddresses'>;

interface WorkloadPeer {
  readonly workloads: Selector;
  readonly node: string;
  readonly nodes: Selector | undefined;
}

/**
 * The node's addresses that its workloads open BGP sessions to: BGPConfiguration `default` names them, and BGPPeers
 * with a `localWorkloadSelector` say which workloads do. Of the labels, those of the endpoint itself count.
 */
export class LocalPeering {
  readonly #hostname: string;
  readonly #selectors: SelectorCache;
  readonly #peers = new Map<string, WorkloadPeer>();
  #addresses: readonly IpAddress[] = [];
  #nodeLabels: Labels = labelsOf({});
  #nodeLabelText = '[]';
  #isChanged = false;

  constructor(hostname: string, selectors: SelectorCache) {
    this.#hostname = hostname;
    this.#selectors = selectors;
  }

  /** Throws SelectorError. */
  setPeer(name: string, resource: BGPPeer | undefined): void {
    const { localWorkloadSelector = '', nodeSelector = '', node = '' } = resource?.spec ?? {};
    const peer =
      localWorkloadSelector === ''
        ? undefined
        : {
            workloads: this.#selectors.parse(localWorkloadSelector),
            node,
            nodes: nodeSelector === '' ? undefined : this.#selectors.parse(nodeSelector),
          };
    if (peer === undefined && !this.#peers.has(name)) return;
    if (peer === undefined) this.#peers.delete(name);
    else this.#peers.set(name, peer);
    this.#isChanged = true;
  }

  /** Throws NetParseError. */
  setConfiguration(name: string, resource: BGPConfiguration | undefined): void {
    if (name !== 'default') return;
    const { localWorkloadPeeringIPV4 = '', localWorkloadPeeringIPV6 = '' } = resource?.spec ?? {};
    const texts = [localWorkloadPeeringIPV4, localWorkloadPeeringIPV6].filter((text) => text !== '');
    const addresses = texts.map(parseIp);
    if (addresses.join() === this.#addresses.join()) return;
    this.#addresses = addresses;
    this.#isChanged = true;
  }

  /** This node's own resource, which others write often and for other reasons. */
  setNode(node: Node | undefined): void {
    const labels = node?.metadata.labels ?? {};
    const text = JSON.stringify(Object.entries(labels).sort());
    if (text === this.#nodeLabelText) return;
    this.#nodeLabelText = text;
    this.#nodeLabels = labelsOf(labels);
    this.#isChanged = true;
  }

  /** Whether endpoints may have others than before the last call. */
  takeChange(): boolean {
    const isChanged = this.#isChanged;
    this.#isChanged = false;
    return isChanged;
  }

  /** By which BGPPeer a workload with these labels is one, the first by its name, and whom it has sessions with. */
  peeringOf(labels: Labels): WorkloadPeering {
    const [bgpPeer] = [...this.#peers]
      .filter(([, { workloads, node, nodes }]) => {
        const isHere = nodes === undefined ? node === '' || node === this.#hostname : nodes.evaluate(this.#nodeLabels);
        return isHere && workloads.evaluate(labels);
      })
      .map(([name]) => name)
      .sort();
    if (bgpPeer === undefined) return {};
    return this.#addresses.length === 0 ? { bgpPeer } : { bgpPeer, peeringAddresses: this.#addresses };
  }
}
