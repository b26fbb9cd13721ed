import { BirdFilesRenderer } from './bird/render-bird.ts';
import type { Target } from './config.ts';
import { deriveBgp } from './derive/derive.ts';
import type { BgpResources, RenderOptions } from './derive/resources.ts';
import type { FileSet } from './files/file-set.ts';
import type { Rendered } from './render/render.ts';
import { birdConfig } from './templates/bird-config.ts';
import { keyValueView } from './templates/key-values.ts';
import type { NameLookups } from './templates/name-lookups.ts';
import { applyTemplates, hasTemplates } from './templates/template-set.ts';

/**
 * BIRD's files, our own and those of operators' templates, which are read anew each time.
 *
 * @param renderer what rendered our own before
 */
export function renderFiles(
  resources: BgpResources,
  options: RenderOptions,
  { directory, confdDir }: Extract<Target, { backend: 'bird' }>,
  lookups: NameLookups,
  renderer = new BirdFilesRenderer(),
): Rendered<readonly FileSet[]> {
  const rendered = renderer.render(resources, options);
  if (!hasTemplates(confdDir)) return rendered;
  const node = deriveBgp(resources, options, () => undefined);
  const config = applyTemplates(rendered.config, directory, {
    confdDir,
    nodeName: options.nodeName,
    view: keyValueView(node, resources),
    filters: new Map(resources.filters.map((filter) => [filter.metadata.name, filter])),
    settings: node.settings,
    env: process.env,
    lookups,
    bgpConfig: (family) => birdConfig(node, family),
  });
  return { ...rendered, config };
}
