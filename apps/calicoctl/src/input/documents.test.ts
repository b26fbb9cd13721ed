import { describe, expect, it } from 'vitest';
import { parseDocuments, splitPath } from './documents.ts';

describe('a stream of documents', () => {
  it('gives each object with its place', () => {
    const text = `# first
kind: Node
metadata:
  name: a
---
---
kind: Node
metadata:
  name: b
  labels:
    x: y
`;
    const { objects, problems } = parseDocuments('f.yaml', text);
    expect(problems).toEqual([]);
    expect(objects.map((object) => object.value)).toMatchObject([
      { metadata: { name: 'a' } },
      { metadata: { name: 'b' } },
    ]);
    expect(objects[1]?.positionOf('metadata.labels["x"]')).toEqual({ file: 'f.yaml', document: 2, line: 11 });
    expect(objects[1]?.positionOf('metadata.missing.deeper')).toEqual({ file: 'f.yaml', document: 2, line: 8 });
    expect(objects[0]?.positionOf('').line).toBe(2);
  });

  it('takes arrays and lists apart, with the places of their members', () => {
    const text = `{"kind": "NodeList", "items": [
      {"kind": "Node", "metadata": {"name": "a"}},
      {"kind": "Node",
       "metadata": {"name": "b"}}]}`;
    const { objects } = parseDocuments('f.json', text);
    expect(objects.map((object) => object.value)).toMatchObject([
      { metadata: { name: 'a' } },
      { metadata: { name: 'b' } },
    ]);
    expect(objects[1]?.positionOf('metadata.name')).toEqual({ file: 'f.json', document: 1, line: 4 });
    expect(parseDocuments('f', '- {kind: A}\n- {kind: B}\n').objects).toHaveLength(2);
  });

  it('reports syntax errors and duplicate keys of every document, with their lines', () => {
    const { objects, problems } = parseDocuments('f', 'a: 1\na: 2\n---\nb: [\n---\nc: 1\n');
    expect(problems.map(({ position }) => [position.document, position.line])).toContainEqual([1, 2]);
    expect(problems.some(({ position }) => position.document === 2)).toBe(true);
    expect(objects.length).toBeLessThanOrEqual(1);
  });

  it('reads the old words for true and false, but ports and addresses with colons as text', () => {
    const { objects } = parseDocuments('f', 'a: yes\nb: off\nc: 80:90\nd: 66:10:20:30:40:50\ne: "yes"\nf: no way\n');
    expect(objects[0]?.value).toEqual({ a: true, b: false, c: '80:90', d: '66:10:20:30:40:50', e: 'yes', f: 'no way' });
  });

  it('refuses references that blow up', () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${['b', 'c', 'd', 'e', 'f', 'g']
      .map(
        (key, index) => `${key}: &${key} [${Array.from({ length: 9 }, () => `*${'abcdef'.charAt(index)}`).join(',')}]`,
      )
      .join('\n')}\n`;
    const { objects, problems } = parseDocuments('bomb', bomb);
    expect(objects).toEqual([]);
    expect(problems).toHaveLength(1);
  });

  it('finds nothing in an empty file', () => {
    expect(parseDocuments('f', '')).toEqual({ objects: [], problems: [], count: 0 });
    expect(parseDocuments('f', '# nothing\n---\n')).toEqual({ objects: [], problems: [], count: 0 });
  });
});

describe('a path', () => {
  it('splits into its steps', () => {
    expect(splitPath('spec.ingress[0].ports[12]')).toEqual(['spec', 'ingress', 0, 'ports', 12]);
    expect(splitPath('metadata.labels["a.b/c"].x')).toEqual(['metadata', 'labels', 'a.b/c', 'x']);
    expect(splitPath('')).toEqual([]);
  });
});
