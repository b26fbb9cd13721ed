import { decodeUpdate, forEachNlri, readFrame, type PathAttributes, type RouteSource } from '@calico-node/bgp';
import { parseCidr, parseIp } from '@calico-node/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AdvertisementPace } from './advertisement-pace.ts';
import { AttributeTable } from './attribute-table.ts';
import { PathSlots } from './path-slots.ts';
import { PrefixTable } from './prefix-table.ts';
import { Rib } from './rib.ts';
import type { RibSource } from './rib-views.ts';
import type { GroupMember } from './group-member.ts';
import { UpdateGroup } from './update-group.ts';

const attributes = (localPref: number): PathAttributes => ({
  origin: 'IGP',
  asPath: [],
  nextHop: parseIp('10.0.0.9'),
  localPref,
});

function bgpSource(id: number, client: boolean): RibSource {
  const route: RouteSource = { kind: 'bgp', external: false, routerId: id, address: parseIp(`10.0.0.${id}`), client };
  return { id, name: `peer${id}`, route };
}

const prefixes = Array.from({ length: 6 }, (_, index) => parseCidr(`192.0.2.${index * 4}/30`));

/** What a peer believes after all it has been sent: local preferences by prefix and path identifier. */
class Listener implements GroupMember {
  readonly source: number;
  readonly view = new Map<string, number>();
  readonly #addPath: boolean;
  isStuck = false;

  constructor(source: number, addPath: boolean) {
    this.source = source;
    this.#addPath = addPath;
  }

  isCongested(): boolean {
    return this.isStuck;
  }

  send(messages: Uint8Array): void {
    for (let at = 0; at < messages.length;) {
      const frame = readFrame(messages, at, messages.length, false);
      if (frame.kind !== 'message') throw new Error(frame.kind);
      const update = decodeUpdate(messages, at + 19, frame.end, {
        as4: true,
        external: false,
        families: [4],
        addPath: this.#addPath ? [4] : [],
      });
      if (update.kind === 'reset') throw new Error(update.reason);
      for (const block of update.withdrawn) this.#each(block, (path) => this.view.delete(path));
      for (const announcement of update.announced) {
        this.#each(announcement.block, (path) => this.view.set(path, announcement.attributes.localPref ?? 0));
      }
      at = frame.end;
    }
  }

  #each(block: Parameters<typeof forEachNlri>[0], act: (path: string) => void): void {
    forEachNlri(block, (bytes, at, bits, pathId) => {
      act(`${[...bytes.slice(at, at + 4)].join('.')}/${bits} ${pathId}`);
    });
  }
}

type Step =
  | { readonly kind: 'announce'; readonly source: number; readonly prefix: number; readonly localPref: number }
  | { readonly kind: 'withdraw'; readonly source: number; readonly prefix: number }
  | { readonly kind: 'lose'; readonly source: number }
  | { readonly kind: 'stick' | 'unstick' | 'join' | 'leave'; readonly member: number }
  | { readonly kind: 'flush' };

const source = fc.integer({ min: 1, max: 3 });
const prefix = fc.nat(prefixes.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('announce' as const),
      source,
      prefix,
      localPref: fc.constantFrom(100, 200),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('withdraw' as const), source, prefix }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const), source }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('stick' as const, 'unstick' as const, 'join' as const, 'leave' as const),
      member: source,
    }),
  },
  { weight: 3, arbitrary: fc.constant<Step>({ kind: 'flush' }) },
);

describe('the routing table with an update group', () => {
  it.each([
    ['the best paths', false, false],
    ['all paths (ADD-PATH)', true, false],
    ['the best paths, announced at a pace,', false, true],
    ['all paths, announced at a pace,', true, true],
  ])('leaves every member with %s of the others, whatever happened on the way', (_title, addPath, isPaced) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const table = new AttributeTable();
        const rib = new Rib(4, table, () => undefined, new PrefixTable(4, 2));
        const sources = [1, 2, 3].map((id) => bgpSource(id, true));
        for (const one of sources) rib.addSource(one);
        const target = {
          external: false,
          localAs: 64512,
          routerId: 99,
          selfAddress: parseIp('10.0.0.99'),
          nextHopMode: 'auto',
          client: true,
          clusterId: 99,
        } as const;
        const slots = addPath ? new PathSlots(rib) : undefined;
        const settings = { family: 4, target, as4: true, maxMessageLength: 4096, addPath } as const;
        const group = new UpdateGroup(settings, rib, () => ({ announce: true }), slots);
        const members = new Map<number, Listener>();
        const oracle = new Map<string, number>();
        const paces = new Map<number, AdvertisementPace>();
        let nowMs = 0;
        const paceOf = (id: number): AdvertisementPace | undefined => {
          paces.get(id)?.close();
          if (isPaced) paces.set(id, new AdvertisementPace(25, { now: () => nowMs, random: () => 0 }, () => undefined));
          return paces.get(id);
        };
        const release = (): void => {
          for (const member of members.values()) group.release(member);
        };
        const flush = (): void => {
          nowMs += 10;
          release();
          const dirty = rib.takeDirty(1000).slice();
          for (const id of dirty) rib.decide(id, () => 0);
          for (const id of dirty) slots?.update(id);
          group.flush(dirty);
          group.sync(2);
          if (!group.hasPending) slots?.tidy();
        };
        for (const one of steps) {
          switch (one.kind) {
            case 'announce':
              rib.announce(
                sources[one.source - 1]!,
                rib.prefixes.internCidr(prefixes[one.prefix]!),
                table.intern(attributes(one.localPref)),
              );
              oracle.set(`${one.prefix} ${one.source}`, one.localPref);
              break;
            case 'withdraw': {
              const id = rib.prefixes.findCidr(prefixes[one.prefix]!);
              if (id >= 0) rib.withdraw(sources[one.source - 1]!, id);
              oracle.delete(`${one.prefix} ${one.source}`);
              break;
            }
            case 'lose':
              rib.markStale(sources[one.source - 1]!);
              while (!rib.sweepStale(sources[one.source - 1]!, 1));
              for (const key of [...oracle.keys()]) if (key.endsWith(` ${one.source}`)) oracle.delete(key);
              break;
            case 'stick':
            case 'unstick': {
              const member = members.get(one.member);
              if (member !== undefined) member.isStuck = one.kind === 'stick';
              break;
            }
            case 'join':
              if (members.has(one.member)) break;
              members.set(one.member, new Listener(one.member, addPath));
              group.join(members.get(one.member)!, paceOf(one.member));
              break;
            case 'leave':
              if (members.has(one.member)) group.leave(members.get(one.member)!);
              members.delete(one.member);
              break;
            case 'flush':
              flush();
          }
        }
        for (const member of members.values()) member.isStuck = false;
        flush();
        while (!group.sync(1));
        nowMs += 25;
        release();
        while (!group.sync(1));
        for (const pace of paces.values()) pace.close();
        for (const member of members.values()) {
          const expected = prefixes.flatMap((cidr, index) => {
            const paths = [1, 2, 3].flatMap((from) => {
              const localPref = oracle.get(`${index} ${from}`);
              return localPref === undefined ? [] : [{ from, localPref }];
            });
            paths.sort((a, b) => b.localPref - a.localPref || a.from - b.from);
            const told = (addPath ? paths : paths.slice(0, 1)).filter(({ from }) => from !== member.source);
            return told.map(({ localPref }) => `${cidr} ${localPref}`);
          });
          const known = [...member.view].map(([path, localPref]) => `${path.split(' ')[0]} ${localPref}`);
          expect(known.sort()).toEqual(expected.sort());
          expect(group.announcedTo(member)).toBe(expected.length);
        }
        table.purge();
        expect(table.size).toBe(new Set(oracle.values()).size);
        for (const one of sources)
          expect(rib.countOf(one)).toBe([...oracle.keys()].filter((key) => key.endsWith(` ${one.id}`)).length);
      }),
      { numRuns: 300 },
    );
  });

  it('does not use paths that a filter rejected or whose next hop cannot be reached', () => {
    const table = new AttributeTable();
    const rib = new Rib(4, table, () => undefined, new PrefixTable(4, 2));
    const peer = bgpSource(1, false);
    rib.addSource(peer);
    const id = rib.prefixes.internCidr(prefixes[0]!);
    rib.announce(peer, id, table.intern(attributes(100)), 0, true);
    expect(rib.decide(id, () => 0)).toBe(-1);
    rib.refilter(rib.paths(id)[0]!.path, rib.paths(id)[0]!.set, false);
    expect(rib.decide(id, () => undefined)).toBe(-1);
    expect(rib.sourceOf(rib.decide(id, () => 0))).toBe(peer);
  });
});
