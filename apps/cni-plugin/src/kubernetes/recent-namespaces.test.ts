import { expect, test } from 'vitest';
import { RecentNamespaces } from './recent-namespaces.ts';

const signal = new AbortController().signal;
const second = 1000;

/** An API with one namespace, whose label says when it was read. */
class Api {
  readonly asked: string[] = [];
  now = 100 * second;
  readonly pods = new Map<string, number | undefined>();
  hasDate = true;

  get(path: string): Promise<unknown> {
    this.asked.push(path.replace(/^.*\//, ''));
    const created = this.pods.get(path.slice(path.lastIndexOf('/') + 1));
    const creationTimestamp = created === undefined ? undefined : new Date(created).toISOString();
    return Promise.resolve({ metadata: { creationTimestamp } });
  }

  getDated(path: string): Promise<{ value: unknown; dateMs: number | undefined }> {
    this.asked.push(path.replace(/^.*\//, ''));
    const dateMs = Math.floor(this.now / second) * second;
    return Promise.resolve({ value: this.now, dateMs: this.hasDate ? dateMs : undefined });
  }
}

function scene() {
  const api = new Api();
  const namespaces = new RecentNamespaces(() => api.now);
  const read = async (pod: string, created?: number): Promise<unknown> => {
    api.pods.set(pod, created);
    return (await namespaces.read(api, 'shop', pod, signal)).namespace;
  };
  return { api, read };
}

test('one reading of a namespace serves the pods that had been created by then', async () => {
  const { api, read } = scene();
  for (const pod of ['a', 'b', 'c']) expect(await read(pod, 98 * second)).toBe(100 * second);
  expect(api.asked).toEqual(['a', 'shop', 'b', 'c']);
});

test('it is read anew for a pod that was created since, or of which that is not known', async () => {
  const { api, read } = scene();
  await read('a', 98 * second);
  api.now = 101.5 * second;
  expect(await read('new', 100 * second)).toBe(101.5 * second);
  expect(await read('next', 100 * second)).toBe(101.5 * second);
  api.now = 102 * second;
  expect(await read('nobody knows')).toBe(102 * second);
});

test('it is forgotten after five seconds, so that a failing pod hears of a change', async () => {
  const { api, read } = scene();
  await read('a', 98 * second);
  api.now = 104.9 * second;
  expect(await read('a', 98 * second)).toBe(100 * second);
  api.now = 105 * second;
  expect(await read('a', 98 * second)).toBe(105 * second);
});

test('it is not remembered where the API does not say when it answered', async () => {
  const { api, read } = scene();
  api.hasDate = false;
  await read('a', 98 * second);
  await read('b', 98 * second);
  expect(api.asked).toEqual(['a', 'shop', 'b', 'shop']);
});
