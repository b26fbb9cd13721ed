/**
 * A node's BGP as configuration of BIRD 2: for each family three files, of which the first includes the
 * others, under Calico's names and for a BIRD of its own, as Calico runs two.
 */
import { familyOf, type Family } from '@calico-node/net';
import { deriveBgp, type NodeBgp } from '../derive/derive.ts';
import { Problems } from '../derive/problems.ts';
import type { BgpResources, Complain, RenderOptions } from '../derive/resources.ts';
import type { FileSet } from '../files/file-set.ts';
import type { Rendered } from '../render/render.ts';
import { renderAggrFile } from './aggr-file.ts';
import { renderIpamFile } from './ipam-file.ts';
import { renderMainFile } from './main-file.ts';

/** Renders both families' files. Never throws on what a store may hold, and gives what BIRD 2 accepts. */
export function renderBirdFiles(resources: BgpResources, options: RenderOptions): Rendered<readonly FileSet[]> {
  const problems = new Problems();
  const node = deriveBgp(resources, options, problems.complain);
  complainOfTunnels(node, problems.complain);
  const config = ([4, 6] as const).map((family) => fileSet(node, family, problems.complain));
  return { config, problems: problems.list() };
}

function fileSet(node: NodeBgp, family: Family, complain: Complain): FileSet {
  const name = family === 4 ? 'bird' : 'bird6';
  const [main, aggr, ipam] = [`${name}.cfg`, `${name}_aggr.cfg`, `${name}_ipam.cfg`];
  return {
    name,
    main,
    files: [
      { name: aggr, text: renderAggrFile(node, family) },
      { name: ipam, text: renderIpamFile(node, family) },
      { name: main, text: renderMainFile(node, family, [aggr, ipam], complain) },
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
