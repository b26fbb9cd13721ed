import { parseCidr, parseIp } from '@calico-node/net';
import { describe, expect, test } from 'vitest';
import { policyIdOf } from '../calc/policy-id.ts';
import { chain, rule } from './build.ts';
import { defaultRuleOptions, type RuleOptions } from './options.ts';
import { renderRuleset, type ActiveState } from './render-ruleset.ts';
import { localEndpoint, parsedRule } from './testing/parsed.ts';
import { showChain, showRule } from './testing/show.ts';

const policy = { kind: 'NetworkPolicy', namespace: 'default', name: 'web' } as const;
const id = policyIdOf(policy);

const state: ActiveState = {
  policies: [
    {
      type: 'policy-update',
      id,
      policy,
      tier: 'default',
      stage: 'normal',
      isForHosts: false,
      ingress: [parsedRule('allow')],
      egress: [],
    },
  ],
  profiles: [{ type: 'profile-update', name: 'p', isForHosts: false, ingress: [], egress: [parsedRule('allow')] }],
  endpoints: [
    localEndpoint({
      tiers: [
        { name: 'first', defaultAction: 'Pass', ingress: [{ selector: 'all()', policies: [id] }], egress: [] },
        { name: 'default', defaultAction: 'Deny', ingress: [{ selector: 'all()', policies: [id] }], egress: [] },
      ],
      profiles: ['p'],
      allowedSourcePrefixes: [parseCidr('192.0.2.0/24'), parseCidr('2001:db8::/32')],
    }),
  ],
};

function show(name: string, options: Partial<RuleOptions> = {}, family: 4 | 6 = 4, from = state): string {
  const found = renderRuleset(from, family, { ...defaultRuleOptions, ...options }).chains.find(
    (candidate) => candidate.name === name,
  );
  return found === undefined ? 'no such chain' : showChain(found);
}

test('new connections within Istio’s ambient mesh get its code point on their way to a workload', () => {
  expect(show('cali-POSTROUTING', { ambientMeshDscp: 23 }).split('\n')[1]).toBe(
    '  protocol(6) conntrack-state(["new"]) interface(out cali true) set(source all-istio-weps) ' +
      'set(destination all-istio-weps) => set-dscp(23)',
  );
  expect(show('cali-POSTROUTING')).not.toContain('istio');
});

describe('endpoint chains', () => {
  test('to a workload: tiers, profiles, then drop', () => {
    expect(show('cali-tw-cali1')).toBe(`filter cali-tw-cali1
  conntrack-state(["established","related"]) => accept
  conntrack-state(["invalid"]) => drop
  => set-mark(0x30000 0)
  => set-mark(0x20000 0) # Start of tier first
  mark(0x20000 0) => jump(cali-pi-np/default/web)
  mark(0x10000 0x10000) => return # Return if policy accepted
  => set-mark(0x20000 0) # Start of tier default
  mark(0x20000 0) => jump(cali-pi-np/default/web)
  mark(0x10000 0x10000) => return # Return if policy accepted
  mark(0x20000 0) => drop # End of tier default. Drop if no policies passed packet
  => jump(cali-pri-p)
  mark(0x10000 0x10000) => return # Return if profile accepted
  => drop # Drop if no profiles matched`);
  });

  test('with flow logs: what ends a tier or comes to no profile is told of', () => {
    const told = show('cali-tw-cali1', { flowLogs: true }).split('\n');
    expect(told.filter((line) => line.includes('flow-log'))).toEqual([
      '  mark(0x20000 0) => flow-log(1 PPI|first)',
      '  mark(0x20000 0) => flow-log(1 DPI|default)',
      '  => flow-log(1 DRI)',
    ]);
    expect(show('cali-tw-cali1')).toBe(told.filter((line) => !line.includes('flow-log')).join('\n'));
  });

  test('from a workload: no tunnel packets, and tiers without egress policy are not asked', () => {
    expect(show('cali-fw-cali1')).toBe(`filter cali-fw-cali1
  conntrack-state(["established","related"]) => accept
  conntrack-state(["invalid"]) => drop
  => set-mark(0x30000 0)
  protocol(17) ports(destination [{"first":4789,"last":4789}]) => drop # Drop VXLAN encapped packets originating in workloads
  protocol(4) => drop # Drop IPinIP encapped packets originating in workloads
  => jump(cali-pro-p)
  mark(0x10000 0x10000) => return # Return if profile accepted
  => drop # Drop if no profiles matched`);
  });

  test('of an endpoint that is down drop everything', () => {
    const down = { ...state, endpoints: [localEndpoint({ adminUp: false })] };
    expect(show('cali-tw-cali1', {}, 4, down)).toBe('filter cali-tw-cali1\n  => drop # Endpoint admin disabled');
  });

  test('keep the accept mark when allowed packets return to foreign rules', () => {
    expect(show('cali-tw-cali1', { filterAllowAction: 'RETURN', disableConntrackInvalidCheck: true })).toContain(`
  conntrack-state(["established","related"]) => set-mark(0x10000 0x10000)
  conntrack-state(["established","related"]) => return
  => set-mark(0x30000 0)`);
  });
});

describe('policy and profile chains', () => {
  test('carry their title, also when empty', () => {
    expect(show('cali-pi-np/default/web')).toBe(`filter cali-pi-np/default/web
  => set-mark(0x10000 0x10000) # NetworkPolicy default/web ingress`);
    expect(show('cali-po-np/default/web')).toBe(
      'filter cali-po-np/default/web\n  => none # NetworkPolicy default/web egress',
    );
    expect(show('cali-pri-p')).toBe('filter cali-pri-p\n  => none # Profile p ingress');
  });
});

describe('static chains', () => {
  test('dispatch by interface, and drop interfaces that nobody knows', () => {
    expect(show('cali-from-wl-dispatch')).toBe(`filter cali-from-wl-dispatch
  => dispatch(cali-from-wl-dispatch)
  => drop # Unknown interface`);
    expect(renderRuleset(state, 4, defaultRuleOptions).dispatchMaps.slice(0, 2)).toMatchObject([
      {
        name: 'cali-from-wl-dispatch',
        key: 'in-interface',
        entries: [{ interfaceName: 'cali1', chain: 'cali-fw-cali1' }],
      },
      {
        name: 'cali-to-wl-dispatch',
        key: 'out-interface',
        entries: [{ interfaceName: 'cali1', chain: 'cali-tw-cali1' }],
      },
    ]);
  });

  test('send what workloads say to their host through policy and the endpoint-to-host action', () => {
    expect(show('cali-INPUT', { interfacePrefixes: ['cali', 'tap'] })).toBe(`filter cali-INPUT
  interface(in cali true) => goto(cali-wl-to-host)
  interface(in tap true) => goto(cali-wl-to-host)
  mark(0x10000 0x10000) => accept
  => set-mark(0x1f0000 0)
  => jump(cali-from-host-endpoint)
  mark(0x10000 0x10000) => accept # Host endpoint policy accepted packet.`);
    expect(show('cali-wl-to-host', { defaultEndpointToHostAction: 'ACCEPT' })).toBe(`filter cali-wl-to-host
  => jump(cali-from-wl-dispatch)
  => accept # Configured DefaultEndpointToHostAction`);
    expect(show('cali-wl-to-host', { filterDenyAction: 'REJECT' })).toContain('=> drop # Configured');
    expect(show('cali-wl-to-host', {}, 6)).toContain('protocol(58) icmp(135) => accept');
  });

  test('send forwarded packets through both sides', () => {
    expect(show('cali-FORWARD')).toBe(`filter cali-FORWARD
  => set-mark(0x1e0000 0)
  mark(0x10000 0) => jump(cali-from-hep-forward)
  interface(in cali true) => jump(cali-from-wl-dispatch)
  interface(out cali true) => jump(cali-to-wl-dispatch)
  => jump(cali-to-hep-forward)
  => jump(cali-cidr-block)`);
    const forward = renderRuleset(state, 4, defaultRuleOptions).hooks.find(({ hook }) => hook === 'forward');
    expect(forward?.rules.map(showRule)).toEqual(['=> jump(cali-FORWARD)']);
    expect(forward?.appendedRules.map(showRule)).toEqual([
      'mark(0x10000 0x10000) => accept # Policy explicitly accepted packet.',
      '=> set-mark(0x10000 0x10000)',
    ]);
  });

  test('let a workload use its own addresses only, and those that its spec allows', () => {
    expect(show('cali-PREROUTING')).toBe(`raw cali-PREROUTING
  => set-mark(0x1f0000 0)
  interface(in cali true) => set-mark(0x80000 0x80000)
  mark(0x80000 0x80000) => jump(cali-rpf-skip)
  mark(0x80000 0x80000) reverse-path-failed => drop
  mark(0x80000 0) => jump(cali-from-host-endpoint)
  mark(0x10000 0x10000) => accept`);
    expect(show('cali-rpf-skip')).toBe(
      'raw cali-rpf-skip\n  interface(in cali1 false) net(source 192.0.2.0/24) => accept',
    );
    expect(show('cali-rpf-skip', {}, 6)).toContain('2001:db8::/32');
  });

  test('masquerade what leaves the pools', () => {
    expect(show('cali-nat-outgoing')).toBe(`nat cali-nat-outgoing
  set(source masq-ipam-pools) !set(destination network-ip-pools) => masquerade(true)`);
  });

  test('give it the address and ports that are asked for, and only by the interfaces that are', () => {
    const options = {
      natOutgoingAddress: parseIp('192.0.2.1'),
      natPortRange: { first: 1000, last: 2000 },
      natOutgoingInterface: 'eth+',
    };
    const leaves = 'set(source masq-ipam-pools) !set(destination network-ip-pools) interface(out eth true)';
    expect(show('cali-nat-outgoing', options)).toBe(`nat cali-nat-outgoing
  protocol(6) ${leaves} => snat(192.0.2.1 true {"first":1000,"last":2000})
  protocol(17) ${leaves} => snat(192.0.2.1 true {"first":1000,"last":2000})
  ${leaves} => snat(192.0.2.1 true)`);
    expect(show('cali-nat-outgoing', { ...options, natOutgoingInterface: 'eth0' }, 6)).toContain(
      'interface(out eth0 false) => masquerade(true {"first":1000,"last":2000})',
    );
  });
});

describe('for OpenStack’s guests', () => {
  const metadata = { address: parseIp('127.0.0.1'), port: 8775 };

  test('the host gives leases, names and metadata', () => {
    expect(show('cali-wl-to-host', { openstack: { metadata } })).toContain(`
  protocol(6) net(destination 127.0.0.1/32) ports(destination [{"first":8775,"last":8775}]) => accept
  protocol(17) ports(source [{"first":68,"last":68}]) ports(destination [{"first":67,"last":67}]) => accept
  protocol(17) ports(destination [{"first":53,"last":53}]) => accept
  => jump(cali-from-wl-dispatch)`);
    expect(show('cali-wl-to-host', { openstack: { metadata } }, 6)).toContain('"first":547');
    expect(show('cali-PREROUTING', { openstack: { metadata } })).toContain(`=> jump(cali-rpf-skip)
  protocol(17) net(source 0.0.0.0/32) ports(source [{"first":68,"last":68}]) ports(destination [{"first":67,"last":67}]) => accept
  mark(0x80000 0x80000) reverse-path-failed => drop`);
  });

  test('what they ask the metadata service goes to where it is', () => {
    const entry = (openstack: RuleOptions['openstack'], family: 4 | 6) => {
      const { chains, hooks } = renderRuleset(state, family, { ...defaultRuleOptions, openstack });
      const rules = chains.find(({ layer, name }) => layer === 'nat' && name === 'cali-PREROUTING')?.rules ?? [];
      expect(hooks.some(({ layer, hook }) => layer === 'nat' && hook === 'prerouting')).toBe(
        openstack?.metadata !== undefined,
      );
      return rules.map(showRule);
    };
    expect(entry({ metadata }, 4)).toEqual([
      'protocol(6) net(destination 169.254.169.254/32) ports(destination [{"first":80,"last":80}]) => dnat(127.0.0.1 8775)',
    ]);
    expect(entry({ metadata }, 6)).toEqual([]);
    expect(entry({ metadata: undefined }, 4)).toEqual([]);
  });
});

describe('chain values', () => {
  test('are frozen, and their hash tells whether they differ', () => {
    const one = chain('filter', 'c', [rule([], { kind: 'drop' })]);
    expect(Object.isFrozen(one.rules[0]?.action)).toBe(true);
    expect(chain('filter', 'c', [rule([], { kind: 'drop' })]).hash).toBe(one.hash);
    expect(chain('filter', 'c', [rule([], { kind: 'accept' })]).hash).not.toBe(one.hash);
    expect(chain('raw', 'c', [rule([], { kind: 'drop' })]).hash).not.toBe(one.hash);
  });

  test('end without needless returns', () => {
    expect(chain('filter', 'c', [rule([], { kind: 'drop' }), rule([], { kind: 'return' })]).rules).toHaveLength(1);
  });
});
