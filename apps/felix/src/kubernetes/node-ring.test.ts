import { expect, test } from 'vitest';
import { NodeRing } from './node-ring.ts';

const keys = Array.from({ length: 200 }, (_, index) => `192.0.2.${index}`);
const ownersOf = (ring: NodeRing) => keys.map((key) => ring.ownerOf(key));

test('a ring without nodes gives a key to nobody', () => {
  const ring = new NodeRing();
  ring.add('a');
  ring.delete('a');
  expect(ring.ownerOf('192.0.2.1')).toBeUndefined();
});

test('every node has a share, whatever the order in which they came', () => {
  const [one, other] = [new NodeRing(), new NodeRing()];
  for (const node of ['a', 'b', 'c']) one.add(node);
  for (const node of ['c', 'a', 'b', 'a']) other.add(node);
  expect(ownersOf(other)).toEqual(ownersOf(one));
  for (const node of ['a', 'b', 'c']) {
    expect(ownersOf(one).filter((owner) => owner === node).length).toBeGreaterThan(keys.length / 6);
  }
});

test('a node that goes leaves the others’ share as it was', () => {
  const ring = new NodeRing();
  for (const node of ['a', 'b', 'c']) ring.add(node);
  const before = ownersOf(ring);
  ring.delete('b');
  const after = ownersOf(ring);
  expect(after.filter((owner, index) => owner !== before[index] && before[index] !== 'b')).toEqual([]);
});
