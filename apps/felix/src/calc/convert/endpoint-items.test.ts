import { decodeResource, encodeResource } from '@calico-node/model';
import { expect, test } from 'vitest';
import { EndpointItems } from './endpoint-items.ts';

type Endpoint = ReturnType<typeof decode>;
const decode = (text: string) => decodeResource('WorkloadEndpoint', text, 1n);

function stored(address: string, labels: Record<string, string>, more: Partial<Endpoint['spec']> = {}): string {
  return encodeResource({
    kind: 'WorkloadEndpoint',
    apiVersion: 'projectcalico.org/v3',
    metadata: { name: 'n1-k8s-web-eth0', namespace: 'prod', labels },
    spec: { orchestrator: 'k8s', node: 'n1', pod: 'web', endpoint: 'eth0', ipNetworks: [address], ...more },
  });
}

function counted(items: EndpointItems) {
  let decoded = 0;
  const read = (text: string, namespace = 'prod') =>
    items.fromText(text, namespace, (each) => {
      decoded++;
      return decode(each);
    });
  return { read, decodings: () => decoded };
}

const web = { app: 'web', 'pcns.projectcalico.org/name': 'forged' };
const ports = [{ name: 'http', protocol: 'TCP', port: 80 }];

test('decodes one of many endpoints that are alike, and shares what they have in common', () => {
  const { read, decodings } = counted(new EndpointItems());
  const [first, second] = ['10.0.0.1/32', '10.0.0.2/32'].map((address) => read(stored(address, web, { ports })));
  expect(decodings()).toBe(1);
  expect(second?.labels).toBe(first?.labels);
  expect(second?.profiles).toBe(first?.profiles);
  expect(second?.nets).toEqual(['10.0.0.2/32']);
  expect(second?.ports).toEqual([{ name: 'http', protocol: 'tcp', port: 80 }]);
  expect(Object.fromEntries(second?.labels ?? [])).toEqual({ app: 'web', 'projectcalico.org/namespace': 'prod' });
});

test('tells apart what differs in namespace, service account, profiles or ports', () => {
  const { read, decodings } = counted(new EndpointItems());
  const base = stored('10.0.0.1/32', web);
  const account = stored('10.0.0.1/32', web, { serviceAccountName: 'robot' });
  const profile = stored('10.0.0.1/32', web, { profiles: ['kns.prod'] });
  const served = stored('10.0.0.1/32', web, { ports });
  const items = [read(base), read(base, 'dev'), read(account), read(profile), read(served)];
  expect(decodings()).toBe(5);
  expect(items.map((item) => item?.labels.get('projectcalico.org/namespace'))).toEqual([
    ...['prod', 'dev', 'prod', 'prod', 'prod'],
  ]);
  expect(items[2]?.labels.get('projectcalico.org/serviceaccount')).toBe('robot');
  expect(items[3]?.profiles).toEqual(['kns.prod']);
  expect(items[4]?.ports).toHaveLength(1);
});

test('reads text of another form as well, and gives the same', () => {
  const { read } = counted(new EndpointItems());
  const text = stored('10.0.0.1', web, { ports });
  expect(read(` ${text}`)).toEqual(read(text));
  expect(read(text)?.labels).toBe(read(` ${text}`)?.labels);
});

test('has no item for an endpoint without addresses, and sorts those of one that has several', () => {
  const { read } = counted(new EndpointItems());
  expect(read(stored('', web, { ipNetworks: [] }))).toBeUndefined();
  expect(read(stored('', web, { ipNetworks: ['fd00::1', '10.0.0.9/32', '10.0.0.1/32'] }))?.nets).toEqual([
    ...['10.0.0.1/32', '10.0.0.9/32', 'fd00::1/128'],
  ]);
});

test('starts anew when it holds too many', () => {
  const { read, decodings } = counted(new EndpointItems(2));
  for (const app of ['a', 'b', 'c', 'a']) expect(read(stored('10.0.0.1/32', { app }))?.labels.get('app')).toBe(app);
  expect(decodings()).toBe(4);
});

test('does not take what holds newlines for something else', () => {
  const { read } = counted(new EndpointItems());
  const forged = { 'a\n1\nb': '2' };
  expect(read(stored('10.0.0.1/32', forged, { profiles: ['p\nq'] }))?.labels.get('a\n1\nb')).toBe('2');
  const honest = read(stored('10.0.0.2/32', { a: '1', b: '2' }, { profiles: ['p', 'q'] }));
  expect(honest?.labels.get('b')).toBe('2');
  expect(honest?.profiles).toEqual(['p', 'q']);
  expect(read(stored('10.0.0.3/32', forged, { profiles: ['p\nq'] }))).toMatchObject({ profiles: ['p\nq'] });
});
