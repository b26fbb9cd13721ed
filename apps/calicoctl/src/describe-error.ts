import { isDatastoreError } from '@calico-node/datastore';
import { ValidationError } from '@calico-node/model';

/** An error in the words of Calico's client, which scripts look for. */
export function describeError(error: unknown): string {
  if (error instanceof ValidationError) {
    return error.issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');
  }
  if (!isDatastoreError(error)) return error instanceof Error ? error.message : String(error);
  switch (error.code) {
    case 'not-found':
      return `resource does not exist: ${error.identity ?? error.message}`;
    case 'already-exists':
      return `resource already exists: ${error.identity ?? error.message}`;
    case 'conflict':
      return `update conflict: ${error.identity ?? error.message}`;
    default:
      return error.message;
  }
}
