import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeResource, encodeResource } from './resource-codec.ts';
import { outlineWorkloadEndpoint } from './workload-endpoint-outline.ts';

type Endpoint = ReturnType<typeof decodeResource<'WorkloadEndpoint'>>;

const word = fc.stringMatching(/^[a-z0-9./:-]{0,6}$/);
const few = <T>(each: fc.Arbitrary<T>) => fc.array(each, { maxLength: 3 });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const number = fc.integer({ min: 0, max: 65535 });
const rarely = <T>(value: fc.Arbitrary<T>) => fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, value);
const labels = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'app.kubernetes.io/name', '__proto__'), word);

/** Endpoints as any program may have stored them. */
const endpoint = fc.record({
  metadata: fc.record({
    name: word,
    generateName: maybe(word),
    namespace: maybe(word),
    uid: maybe(word),
    creationTimestamp: maybe(fc.constantFrom('2026-01-31T23:59:59Z', '2024-02-29T00:00:00Z')),
    labels: maybe(labels),
    annotations: maybe(fc.dictionary(fc.constantFrom('a', 'b', 'x"y'), word, { maxKeys: 1 })),
  }),
  spec: fc.record({
    orchestrator: fc.constantFrom('k8s', 'cni'),
    node: maybe(word),
    containerID: maybe(word),
    endpoint: maybe(word),
    serviceAccountName: maybe(word),
    ipNetworks: maybe(few(fc.constantFrom('10.0.0.1/32', '10.0.0.2', 'fd00::1/128', ''))),
    ipNATs: rarely(few(fc.record({ internalIP: word, externalIP: word }))),
    profiles: maybe(few(word)),
    interfaceName: maybe(word),
    mac: maybe(word),
    ports: maybe(
      few(
        fc.record({
          name: word,
          protocol: fc.constantFrom('TCP', 'UDP', 'SCTP', 6),
          port: number,
          hostPort: maybe(number),
        }),
      ),
    ),
  }),
});

function stored({ metadata, spec }: object & { metadata: object; spec: object }): string {
  // What the encoder needs: it checks nothing.
  return encodeResource({
    kind: 'WorkloadEndpoint',
    apiVersion: 'projectcalico.org/v3',
    metadata,
    spec,
  } as unknown as Endpoint);
}

function likenessOf({ metadata, spec }: Endpoint): unknown {
  const { serviceAccountName = '', profiles = [], ports = [] } = spec;
  return { labels: metadata.labels ?? {}, serviceAccountName, profiles, ports };
}

function expectOutlined(text: string, likes: Map<string, unknown>): boolean {
  const outline = outlineWorkloadEndpoint(text);
  if (outline === undefined) return false;
  const decoded = decodeResource('WorkloadEndpoint', text, 1n);
  expect(outline.ipNetworks).toEqual(decoded.spec.ipNetworks ?? []);
  expect(likenessOf(decoded)).toEqual(likes.get(outline.likeness) ?? likenessOf(decoded));
  likes.set(outline.likeness, likenessOf(decoded));
  return true;
}

describe('the outline of a stored workload endpoint', () => {
  it('is there for what the CNI plug-ins of Calico store', () => {
    const text =
      '{"kind":"WorkloadEndpoint","apiVersion":"projectcalico.org/v3","metadata":{"name":"n1-k8s-web--0-eth0",' +
      '"generateName":"web-","namespace":"prod","uid":"8b5c","creationTimestamp":"2026-11-21T07:00:00Z",' +
      '"labels":{"app":"web","projectcalico.org/namespace":"prod"}},"spec":{"orchestrator":"k8s","node":"n1",' +
      '"containerID":"c0ffee","pod":"web-0","endpoint":"eth0","serviceAccountName":"default",' +
      '"ipNetworks":["10.65.0.2/32","fd00::2/128"],"profiles":["kns.prod","ksa.prod.default"],' +
      '"interfaceName":"cali1","mac":"ee:ee:ee:ee:ee:ee",' +
      '"ports":[{"name":"http","protocol":"TCP","port":8080,"hostPort":0,"hostIP":""}]}}';
    expect(expectOutlined(text, new Map())).toBe(true);
    expect(outlineWorkloadEndpoint(text)?.ipNetworks).toEqual(['10.65.0.2/32', 'fd00::2/128']);
  });

  it('says what decoding says, of anything that was stored', () => {
    const likes = new Map<string, unknown>();
    let outlined = 0;
    fc.assert(
      fc.property(endpoint, (each) => {
        if (expectOutlined(stored(each), likes)) outlined++;
      }),
      { numRuns: 500 },
    );
    expect(outlined).toBeGreaterThan(100);
  });

  it('is not there for what cannot be decoded, of any text that is nearly one', () => {
    const likes = new Map<string, unknown>();
    const piece = fc.constantFrom('', '"', ',', '{', '}', '[', ']', ':', 'null', '0', '9', '\\', '\n', '"a":"b"', ' ');
    fc.assert(
      fc.property(endpoint, fc.array(fc.tuple(fc.double(), piece, fc.nat(3)), { maxLength: 3 }), (each, edits) => {
        let text = stored({ metadata: each.metadata, spec: each.spec });
        for (const [place, inserted, deleted] of edits) {
          const at = Math.floor(Math.abs(place % 1) * text.length) || 0;
          text = text.slice(0, at) + inserted + text.slice(at + deleted);
        }
        expectOutlined(text, likes);
      }),
      { numRuns: 1000 },
    );
  });

  it.each(['2026-02-30', '2026-04-31', '2026-13-01', '0000-01-01'])('is not there for the date %s', (date) => {
    const text = stored({
      metadata: { name: 'n', creationTimestamp: `${date}T00:00:00Z` },
      spec: { orchestrator: 'k8s' },
    });
    expect(outlineWorkloadEndpoint(text)).toBeUndefined();
    expect(outlineWorkloadEndpoint(text.replace(date, '2026-04-30'))).toBeDefined();
  });
});
