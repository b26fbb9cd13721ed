import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { referencePages } from './reference.ts';

const directory = join(import.meta.dirname, '../../docs/reference');
const pages = referencePages();

describe('docs/reference', () => {
  it('has a page for every kind, and no others', () => {
    expect(readdirSync(directory).toSorted()).toEqual([...pages.keys()].toSorted());
  });

  it.each([...pages])('%s is what generate-reference.ts makes', (name, text) => {
    expect(readFileSync(join(directory, name), 'utf8')).toBe(text);
  });
});
