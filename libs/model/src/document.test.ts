import { describe, expect, it } from 'vitest';
import { parseResource } from './resource-codec.ts';
import { document, problemPathsOf } from './testing/documents.ts';

const apiVersion = 'projectcalico.org/v3';

describe('a document', () => {
  it.each([
    [null, ''],
    [[], ''],
    ['x', ''],
    [{}, 'kind'],
    [{ kind: 'Pod', apiVersion: 'v1' }, 'kind'],
    [{ kind: 'toString', apiVersion }, 'kind'],
    [{ kind: 'IPPool' }, 'apiVersion'],
    [{ kind: 'IPPool', apiVersion: 'projectcalico.org/v1' }, 'apiVersion'],
    [{ kind: 'GlobalNetworkSet', apiVersion, metadata: 'x' }, 'metadata'],
    [{ kind: 'GlobalNetworkSet', apiVersion, metadata: { name: 'a' }, spec: {}, status: {} }, 'status'],
  ])('%j is refused at %j', (input, path) => {
    expect(problemPathsOf(input)).toContain(path);
  });

  it('may have unknown fields where the caller allows it', () => {
    const input = document('GlobalNetworkSet', { nets: [], more: 1 });
    expect(parseResource(input, { strict: false }).spec).toEqual({ nets: [] });
  });

  it('may leave its spec out where nothing in it is required', () => {
    expect(parseResource({ kind: 'GlobalNetworkSet', apiVersion, metadata: { name: 'a' } }).spec).toEqual({});
  });
});
