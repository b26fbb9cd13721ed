import { setImmediate } from 'node:timers/promises';
import { encodeResource, resourceKey, workloadEndpointName, type Resource } from '@calico-node/model';
import { parseNodeName, type Family } from '@calico-node/net';
import { createVeth, inNewNetns, openOwnNetns, RouteSocket, routeProtocol, setLink } from '@calico-node/netlink';
import { CalcGraph } from './calc/calc-graph.ts';
import { WorkloadInterfaces } from './dataplane/interfaces/workload-interfaces.ts';
import { NftablesDriver } from './dataplane/nftables/nftables-driver.ts';
import type { RuleOptions } from './rules/options.ts';

/** How many endpoints: until the code that programs one is not new to the engine. */
const times = 8;

const nobody = parseNodeName('none');
const common = { apiVersion: 'projectcalico.org/v3' as const };

/** As plug-ins make the profile of a network. */
const profile: Resource<'Profile'> = {
  ...common,
  kind: 'Profile',
  metadata: { name: 'none' },
  spec: {
    ingress: [{ action: 'Allow', source: { selector: 'has(none)' } }],
    egress: [{ action: 'Allow' }],
    labelsToApply: { none: '' },
  },
};

function endpoint(index: number): Resource<'WorkloadEndpoint'> {
  const identity = { node: nobody, orchestrator: 'cni', containerID: `none${index}`, endpoint: 'eth0' };
  return {
    ...common,
    kind: 'WorkloadEndpoint',
    metadata: { name: workloadEndpointName(identity), namespace: 'default', labels: { index: String(index) } },
    spec: {
      ...identity,
      interfaceName: `cali${index}`,
      ipNetworks: [`192.0.2.${index}/32`],
      mac: '02:00:00:00:00:01',
      profiles: ['none'],
    },
  };
}

/**
 * Programs endpoints of nobody's, and takes them away, in a network namespace that is gone when this ends: so that the
 * node's first ones do not wait until the code is compiled. A pause after each; the node's own namespace and endpoints
 * are not touched.
 *
 * @throws NetlinkError, NftablesError, SyscallError where namespaces may not be made.
 */
export async function rehearse(families: readonly Family[], rules: RuleOptions, signal: AbortSignal): Promise<void> {
  using netns = inNewNetns(openOwnNetns);
  using socket = RouteSocket.open({ netns });
  const ignore = (): void => undefined;
  using interfaces = new WorkloadInterfaces({
    netns,
    prefixes: ['cali'],
    ipv6: families.includes(6),
    routeProtocol: routeProtocol.boot,
    metric: { 4: 0, 6: 0 },
    onDirty: ignore,
  });
  const policy = new NftablesDriver({ netns, families, rules, log: { info: ignore, warn: ignore }, onDirty: ignore });
  using stack = new DisposableStack();
  stack.defer(() => {
    policy.close();
  });
  const calc = new CalcGraph({ hostname: nobody });
  let revision = 0n;
  const tell = async (resource: Resource, isThere: boolean): Promise<void> => {
    const { kind, metadata } = resource;
    const value = isThere ? encodeResource(resource) : undefined;
    calc.update({ key: resourceKey(kind, metadata.name, metadata.namespace), value, revision: ++revision });
    const { intents } = calc.flush();
    policy.update(intents);
    for (const intent of intents) {
      if (intent.type === 'workload-endpoint-update') interfaces.update(intent.id, intent.endpoint);
      else if (intent.type === 'workload-endpoint-remove') interfaces.remove(intent.id);
    }
    interfaces.withdraw();
    await policy.apply();
    interfaces.establish();
    await setImmediate();
  };
  calc.onInSync();
  await tell(profile, true);
  for (const isThere of [true, false]) {
    for (let index = 1; index <= times && !signal.aborted; index++) {
      const [name, peer] = [`cali${index}`, `peer${index}`];
      if (isThere) {
        socket.apply([
          createVeth({ name, peer: { name: peer } }),
          setLink({ name, up: true }),
          setLink({ name: peer, up: true }),
        ]);
      }
      await tell(endpoint(index), isThere);
    }
  }
}
