import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { referencePages } from './reference.ts';

/* Writes docs/reference anew, and removes pages of kinds that are no more. */

const directory = join(import.meta.dirname, '../../docs/reference');

mkdirSync(directory, { recursive: true });
const pages = referencePages();
for (const name of readdirSync(directory)) if (!pages.has(name)) rmSync(join(directory, name));
for (const [name, text] of pages) writeFileSync(join(directory, name), text);
