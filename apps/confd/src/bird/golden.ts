import type { FileSet } from '../files/file-set.ts';
import type { Rendered } from '../render/render.ts';

/** A rendering as golden text: every file after its name, then the problems. */
export function goldenText({ config, problems }: Rendered<readonly FileSet[]>): string {
  const files = config.flatMap((set) => set.files);
  return [
    ...files.map(({ name, text }) => `==> ${name} <==\n${text}`),
    ...problems.map(({ subject, message }) => `! ${subject}: ${message}\n`),
  ].join('\n');
}
