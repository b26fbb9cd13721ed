import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crdFile } from './crds.ts';

/** Writes deploy/kubernetes/crds.yaml. Run it after a change of a table in `libs/model`. */
writeFileSync(join(import.meta.dirname, '../../deploy/kubernetes/crds.yaml'), crdFile());
