import { describe, expect, it } from 'vitest';
import { decodeResource, encodeResource, parseResource, resourceToJson } from '../resource-codec.ts';
import { document } from '../testing/documents.ts';
import { CREATED, goldens } from '../testing/goldens.ts';
import { kinds } from './kind-names.ts';

describe('stored bytes', () => {
  it.each(kinds)('of a %s', (kind) => {
    const { metadata, spec, stored } = goldens[kind];
    const resource = parseResource(document(kind, spec, { ...metadata, ...CREATED }));
    const expected = `{"kind":"${kind}","apiVersion":"projectcalico.org/v3","metadata":${stored}`;
    expect(encodeResource(resource)).toBe(expected);
    expect(encodeResource(decodeResource(kind, expected, 7n))).toBe(expected);
  });

  it('have neither resourceVersion nor selfLink, which users do see', () => {
    const resource = decodeResource('IPReservation', '{"metadata":{"name":"r","selfLink":"/x"},"spec":{}}', 12n);
    expect(resource.metadata.resourceVersion).toBe('12');
    expect(encodeResource(resource)).toBe(
      '{"kind":"IPReservation","apiVersion":"projectcalico.org/v3","metadata":{"name":"r"},"spec":{}}',
    );
    expect(resourceToJson(resource)).toBe(
      '{"kind":"IPReservation","apiVersion":"projectcalico.org/v3","metadata":{"name":"r","selfLink":"/x","resourceVersion":"12"},"spec":{}}',
    );
  });
});
