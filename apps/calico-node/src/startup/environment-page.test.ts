import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { expect, test } from 'vitest';
import { renderEnvironmentPage } from './environment-page.ts';

const path = join(import.meta.dirname, '../../../../docs/environment.md');

test('docs/environment.md is what the tables say', async () => {
  const options = { ...(await resolveConfig(path)), filepath: path };
  await expect(await format(renderEnvironmentPage(), options)).toMatchFileSnapshot(path);
});
