/**
 * A node's BGP as configuration of BIRD 2: for each family three files, of which the first includes the
 * others, under Calico's names and for a BIRD of its own, as Calico runs two.
 */
import { familyOf, type Family } from '@calico-node/net';
import { withPrefixes, type NodeBgp, type Speaker } from '../derive/derive.ts';
import { KeptSpeaker } from '../derive/kept-speaker.ts';
import { Problems } from '../derive/problems.ts';
import type { BgpResources, Complain, RenderOptions } from '../derive/resources.ts';
import type { ConfigFile, FileSet } from '../files/file-set.ts';
import type { Rendered } from '../render/render.ts';
import { renderAggrFile } from './aggr-file.ts';
import { renderIpamFile } from './ipam-file.ts';
import { renderMainFile } from './main-file.ts';

const families = [4, 6] as const;

const names = {
  4: { daemon: 'bird', main: 'bird.cfg', aggr: 'bird_aggr.cfg', ipam: 'bird_ipam.cfg' },
  6: { daemon: 'bird6', main: 'bird6.cfg', aggr: 'bird6_aggr.cfg', ipam: 'bird6_ipam.cfg' },
} as const;

/** Renders both families' files again and again: what did not change is not derived anew. */
export class BirdFilesRenderer {
  readonly #speaker = new KeptSpeaker((speaker, complain) => ({
    4: mainFile(speaker, 4, complain),
    6: mainFile(speaker, 6, complain),
  }));

  /** Never throws on what a store may hold, and gives what BIRD 2 accepts. */
  render(resources: BgpResources, options: RenderOptions): Rendered<readonly FileSet[]> {
    const { speaker, made, problems: known } = this.#speaker.of(resources, options);
    const problems = new Problems(known);
    const node = withPrefixes(speaker, resources, options, problems.complain);
    complainOfTunnels(node, problems.complain);
    return { config: families.map((family) => fileSet(node, family, made[family])), problems: problems.list() };
  }
}

/** Renders them once. */
export function renderBirdFiles(resources: BgpResources, options: RenderOptions): Rendered<readonly FileSet[]> {
  return new BirdFilesRenderer().render(resources, options);
}

function mainFile(speaker: Speaker, family: Family, complain: Complain): ConfigFile {
  const { main, aggr, ipam } = names[family];
  return { name: main, text: renderMainFile(speaker, family, [aggr, ipam], complain) };
}

function fileSet(node: NodeBgp, family: Family, mainOne: ConfigFile): FileSet {
  const { daemon, main, aggr, ipam } = names[family];
  return {
    name: daemon,
    main,
    files: [
      { name: aggr, text: renderAggrFile(node, family) },
      { name: ipam, text: renderIpamFile(node, family) },
      mainOne,
    ],
    isSecret: node.sessions.some(({ address, password }) => password !== '' && familyOf(address) === family),
  };
}

/** Felix programs these routes beside BIRD by itself; only who asks BIRD for them needs to know. */
function complainOfTunnels({ settings, prefixes }: NodeBgp, complain: Complain): void {
  if (!settings.saysWhoPrograms || !settings.programsIpipPools) return;
  if (prefixes.pools.every(({ encapsulation }) => encapsulation !== 'ipip')) return;
  complain(
    'BGPConfiguration(default)',
    "programClusterRoutes: BIRD 2 can't route into a tunnel; the routes of IPIP pools are left to Felix",
  );
}
