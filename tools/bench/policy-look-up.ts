/**
 * What a policy of many rules costs a packet under nf_tables: as rules, one after the other, and compiled into a verdict
 * map. Packets of new connections, which the last rule denies, are put on an interface of a namespace; the processor
 * time of sending them is that of the whole way through the kernel, from which the way without policy rules is taken.
 *
 * Usage: node tools/bench/policy-look-up.ts [RULES] [PACKETS] [ROUNDS]; as root.
 */
import { parseCidr, parseIp } from '../../libs/net/src/index.ts';
import { RouteSocket } from '../../libs/netlink/src/index.ts';
import { NftablesDriver } from '../../apps/felix/src/dataplane/nftables/nftables-driver.ts';
import { defaultRuleOptions } from '../../apps/felix/src/rules/options.ts';
import { endpoint, policy, rule, start } from '../../apps/felix/test/support/intents.ts';
import { NodeLab } from '../../apps/felix/test/support/node-lab.ts';
import { encodeFrame, FrameSender } from '../../apps/felix/test/support/raw-packet.ts';

const [ruleCount = 1000, packets = 20_000, rounds = 5] = process.argv.slice(2).map(Number);

const variants = { 'no rules': 0, rules: ruleCount, map: ruleCount } as const;
type Variant = keyof typeof variants;

const quiet = { log: { info: () => undefined, warn: () => undefined }, onDirty: () => undefined };

/** Processor time a packet, in nanoseconds. */
async function measure(variant: Variant): Promise<number> {
  using lab = new NodeLab();
  const { address } = lab.addWorkload('1', '10.65.0.1');
  const settings = { netns: lab.netns, families: [4] as const, rules: defaultRuleOptions };
  const driver = new NftablesDriver({ ...settings, ...quiet, verdictMaps: variant === 'map' });
  try {
    const allows = Array.from({ length: variants[variant] }, (_, index) =>
      rule('allow', {
        protocol: 17,
        source: { nets: [parseCidr(`10.66.${index >> 8}.${index & 255}/32`)] },
        destination: { ports: [{ first: 53, last: 53 }] },
      }),
    );
    driver.update([...start, policy('many', [...allows, rule('deny')]), endpoint('1', address, ['many'])]);
    await driver.apply();
    using route = RouteSocket.open({ netns: lab.netns });
    const [fabric, eth0] = [route.getLink('fabric'), route.getLink('eth0')];
    if (fabric === undefined || eth0?.mac === undefined) throw new Error('the lab has no fabric');
    using sender = new FrameSender(lab.netns, fabric.index);
    const mac = Uint8Array.from(eth0.mac.split(':'), (text) => parseInt(text, 16));
    const ends = { source: parseIp('172.16.0.254'), destination: parseIp(address) };
    const header = { family: 4, protocol: 17, sourcePort: 4000, destinationPort: 53, conntrackState: 'new' } as const;
    const frame = encodeFrame({ ...header, ...ends }, mac, 1);
    for (let warm = 0; warm < packets / 10; warm++) sender.send(frame);
    const before = process.cpuUsage();
    for (let sent = 0; sent < packets; sent++) sender.send(frame);
    const { user, system } = process.cpuUsage(before);
    return ((user + system) * 1000) / packets;
  } finally {
    driver.close();
  }
}

const results = new Map<Variant, number[]>();
for (let round = 0; round < rounds; round++) {
  for (const variant of Object.keys(variants) as Variant[]) {
    results.set(variant, [...(results.get(variant) ?? []), await measure(variant)]);
  }
}
const least = (variant: Variant): number => Math.min(...(results.get(variant) ?? []));
const base = least('no rules');
const cost = { rules: least('rules') - base, map: least('map') - base };
console.log(`a packet that ${ruleCount} rules do not match; least of ${rounds} rounds of ${packets} packets`);
console.log(`without policy rules  ${base.toFixed(0).padStart(7)} ns`);
console.log(`rules add             ${cost.rules.toFixed(0).padStart(7)} ns`);
console.log(`a verdict map adds    ${cost.map.toFixed(0).padStart(7)} ns`);
console.log(JSON.stringify({ rules: ruleCount, baseNs: base, addedNs: cost, rounds: Object.fromEntries(results) }));
