import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kinds, parseResource, resourceToJson, type Kind } from '@calico-node/model';
import { CREATED, goldens } from '@calico-node/model/testing';
import { parse, stringify } from 'yaml';
import { connectDatastore, Resources, type Backend, type IpamCleanup } from '../src/index.ts';
import { startEtcd, type EtcdProcess } from '../src/testing/index.ts';

/*
 * From the YAML that a user writes to the bytes in etcd, and back to what real Calico's client would give.
 */

const root = '/calico/resources/v3/projectcalico.org';
const apiVersion = 'projectcalico.org/v3';

const idle = (): Promise<void> => Promise.resolve();
const ipam: IpamCleanup = { releaseIps: idle, releaseHostAffinities: idle, releasePoolAffinities: idle };

let etcd: EtcdProcess;
let backend: Backend;
let resources: Resources;

beforeAll(async () => {
  etcd = await startEtcd();
  backend = connectDatastore({ type: 'etcdv3', endpoints: etcd.endpoints, tls: {} });
  resources = new Resources(backend, { ipam, now: () => Date.parse(CREATED.creationTimestamp) });
});

afterAll(async () => {
  backend.close();
  await etcd.stop();
});

/** What `JSON.parse(stored)` looks like to a user: with the revision, without the name's annotation. */
function asRead(stored: string, revision: bigint): unknown {
  const resource = JSON.parse(stored) as { metadata: Record<string, unknown> };
  const { annotations = {}, ...metadata } = resource.metadata as { annotations?: Record<string, string> };
  const { 'projectcalico.org/metadata': _name, ...others } = annotations;
  return {
    ...resource,
    metadata: {
      ...metadata,
      ...(Object.keys(others).length > 0 ? { annotations: others } : {}),
      resourceVersion: String(revision),
    },
  };
}

describe.each(kinds)('%s', (kind) => {
  const golden = goldens[kind];
  const stored = `{"kind":"${kind}","apiVersion":"${apiVersion}","metadata":${golden.stored}`;
  const { metadata } = JSON.parse(stored) as { metadata: { name: string; namespace?: string } };
  const { name, namespace } = metadata;

  it('goes from YAML into the store byte for byte, and comes back with its defaults', async () => {
    const yaml = stringify({
      apiVersion,
      kind,
      metadata: { uid: CREATED.uid, name, namespace, ...golden.metadata },
      spec: golden.spec,
    });
    const created = await resources.create(parseResource(parse(yaml)));
    const key = `${root}/${pluralOf(kind)}/${namespace === undefined ? '' : `${namespace}/`}${name}`;
    const found = await backend.get(key);
    expect(found?.value).toBe(stored);
    const read = await resources.get(kind, name, namespace);
    expect(resourceToJson(read)).toBe(resourceToJson(created));
    expect(JSON.parse(resourceToJson(read))).toEqual(asRead(stored, found!.revision));
    expect(parse(stringify(JSON.parse(resourceToJson(read))))).toEqual(asRead(stored, found!.revision));
    const { items } = await resources.list(kind);
    expect(items).toContainEqual(read);
  });

  it('is written back unchanged, but for its revision', async () => {
    const read = await resources.get(kind, name, namespace);
    const updated = await resources.update(read);
    expect(BigInt(updated.metadata.resourceVersion!)).toBeGreaterThan(BigInt(read.metadata.resourceVersion!));
    const { resourceVersion: _before, ...before } = read.metadata;
    const { resourceVersion: _after, ...after } = updated.metadata;
    expect({ ...updated, metadata: after }).toEqual({ ...read, metadata: before });
    expect((await backend.list(`${root}/${pluralOf(kind)}/`)).items.map(({ value }) => value)).toContain(stored);
  });

  const isBuiltIn = kind === 'Tier';

  it(isBuiltIn ? 'stays, being built in' : 'goes', async () => {
    if (isBuiltIn) {
      await expect(resources.delete(kind, name)).rejects.toMatchObject({ code: 'unsupported' });
      return;
    }
    const deleted = await resources.delete(kind, name, namespace);
    expect(deleted.metadata.uid).toBe(CREATED.uid);
    await expect(resources.get(kind, name, namespace)).rejects.toMatchObject({ code: 'not-found' });
  });
});

function pluralOf(kind: Kind): string {
  if (kind === 'NetworkPolicy' || kind.endsWith('NetworkPolicy')) return `${kind.slice(0, -1)}ies`.toLowerCase();
  return kind.endsWith('Status')
    ? `${kind}es`.toLowerCase()
    : kind.endsWith('Affinity')
      ? 'blockaffinities'
      : `${kind}s`.toLowerCase();
}

describe('what older releases stored', () => {
  const at = '"creationTimestamp":"2024-01-02T03:04:05Z","uid":"u"';
  const put = (path: string, value: string): Promise<unknown> => backend.put(`${root}/${path}`, value);

  it('of 3.28: a policy under its prefixed name, without tier or annotation, rules with empty ends', async () => {
    await put(
      'networkpolicies/prod/default.web',
      `{"kind":"NetworkPolicy","apiVersion":"${apiVersion}","metadata":{"name":"default.web","namespace":"prod",${at}},` +
        '"spec":{"order":1,"ingress":[{"action":"Allow","source":{},"destination":{}}],"types":["Ingress"]}}',
    );
    const { items } = await resources.list('NetworkPolicy', 'prod');
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['web']);
    expect(items[0]?.spec.ingress).toEqual([{ action: 'Allow', source: {}, destination: {} }]);
    // Calico renames such records once; until then they are found under the name in their key only.
    await expect(resources.get('NetworkPolicy', 'web', 'prod')).rejects.toMatchObject({ code: 'not-found' });
    expect((await resources.get('NetworkPolicy', 'default.web', 'prod')).metadata.name).toBe('web');
  });

  it('of 3.29: a policy of another tier, whose prefix belongs to its name', async () => {
    await put(
      'globalnetworkpolicies/web.a',
      `{"kind":"GlobalNetworkPolicy","apiVersion":"${apiVersion}","metadata":{"name":"web.a",${at},` +
        '"labels":{"projectcalico.org/tier":"web"}},"spec":{"tier":"web","types":["Ingress"]}}',
    );
    expect((await resources.get('GlobalNetworkPolicy', 'web.a')).metadata.name).toBe('web.a');
  });

  it('of 3.30: a policy under its prefixed name, with the name in its annotation', async () => {
    await put(
      'globalnetworkpolicies/default.b',
      `{"kind":"GlobalNetworkPolicy","apiVersion":"${apiVersion}","metadata":{"name":"default.b",${at},` +
        '"annotations":{"projectcalico.org/metadata":"{\\"name\\":\\"b\\"}"}},"spec":{"tier":"default","types":["Ingress"]}}',
    );
    const policy = (await resources.list('GlobalNetworkPolicy', undefined, { namePrefix: 'b' })).items[0];
    expect(policy?.metadata.name).toBe('b');
    expect(policy?.metadata.annotations).toBeUndefined();
  });

  it('with creationTimestamp null is read without a time', async () => {
    await put(
      'globalnetworksets/s',
      '{"metadata":{"name":"s","creationTimestamp":null},"spec":{"nets":["10.0.0.0/8"]}}',
    );
    const { metadata } = await resources.get('GlobalNetworkSet', 's');
    expect(metadata.creationTimestamp).toBeUndefined();
  });

  it('for a pool: ipip and nat-outgoing, and no block size', async () => {
    await put(
      'ippools/old',
      `{"kind":"IPPool","apiVersion":"${apiVersion}","metadata":{"name":"old",${at}},` +
        '"spec":{"cidr":"10.0.0.0/8","ipip":{"enabled":true,"mode":"cross-subnet"},"nat-outgoing":true}}',
    );
    const pool = await resources.get('IPPool', 'old');
    expect(pool.spec).toMatchObject({
      ipipMode: 'CrossSubnet',
      natOutgoing: true,
      blockSize: 26,
      nodeSelector: 'all()',
    });
    await resources.update(pool);
    const stored = (await backend.get(`${root}/ippools/old`))?.value ?? '';
    expect(stored).not.toMatch(/nat-outgoing|"ipip"/);
    await backend.delete(`${root}/ippools/old`);
  });

  it('for a tier: no order', async () => {
    await put('tiers/old', `{"kind":"Tier","apiVersion":"${apiVersion}","metadata":{"name":"old",${at}},"spec":{}}`);
    expect((await resources.list('Tier')).items.find(({ metadata }) => metadata.name === 'old')?.spec.order).toBe(1e6);
  });
});
