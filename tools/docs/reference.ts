import { describeKind, kinds } from '@calico-node/model';
import { renderFelixParameters } from './felix-parameters.ts';
import { renderFelixMetrics } from './felix-metrics.ts';
import { pageName, renderIndex, renderKindPage, renderSharedPage } from './reference-page.ts';

/** Every page of the reference by its file name, made from the tables of `libs/model` and of Felix's parameters. */
export function referencePages(): ReadonlyMap<string, string> {
  const descriptions = kinds.map(describeKind);
  const pages = new Map(descriptions.map((description) => [pageName(description.kind), renderKindPage(description)]));
  const metadata = descriptions[0]?.structs.find(({ name }) => name === 'ObjectMeta');
  if (metadata !== undefined) {
    pages.set('metadata.md', renderSharedPage('Metadata', 'What every resource has, whatever its kind.', metadata));
  }
  const felix = descriptions.find(({ kind }) => kind === 'FelixConfiguration');
  pages.set('felix-configuration.md', renderFelixParameters(felix?.structs.flatMap(({ fields }) => fields) ?? []));
  pages.set('felix-metrics.md', renderFelixMetrics());
  return pages.set('README.md', renderIndex(descriptions));
}
