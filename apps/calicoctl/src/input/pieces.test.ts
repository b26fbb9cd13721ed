import fc from 'fast-check';
import { parseAllDocuments } from 'yaml';
import { describe, expect, it } from 'vitest';
import { splitPieces, type Piece } from './pieces.ts';

async function pieces(...chunks: string[]): Promise<Piece[]> {
  return Array.fromAsync(splitPieces(chunks));
}

describe('the pieces of a stream', () => {
  it('are its documents, with the lines that they begin at', async () => {
    expect(await pieces('a: 1\n---\nb: 2\n--- # c\nc: 3')).toEqual([
      { text: 'a: 1\n', firstLine: 1 },
      { text: '---\nb: 2\n', firstLine: 2 },
      { text: '--- # c\nc: 3', firstLine: 4 },
    ]);
  });

  it('do not depend on how the stream is cut into chunks', async () => {
    const text = '# x\n%YAML 1.2\n---\na: |\n  ---\n...\n\n---\r\nb: "-\n --- "\n----: 1\n---x: 2\n';
    const whole = await pieces(text);
    expect(whole.map((piece) => piece.text)).toEqual([
      '# x\n%YAML 1.2\n---\na: |\n  ---\n...\n',
      '\n---\r\nb: "-\n --- "\n----: 1\n---x: 2\n',
    ]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(text.length)), async (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), text.length];
        expect(await pieces(...at.slice(1).map((end, index) => text.slice(at[index], end)))).toEqual(whole);
      }),
      { numRuns: 50 },
    );
  });

  it('say together what the whole says', async () => {
    const document = fc.constantFrom(
      'a: 1\n',
      '- x\n- y\n',
      '# only a comment\n',
      'text\n',
      '{"j": [1,\n2]}\n',
      'b: |\n  x\n\n  y\n',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(document, { minLength: 1 }), async (documents) => {
        const text = documents.join('---\n');
        const values = (part: string): unknown[] =>
          [...(parseAllDocuments(part) as Iterable<{ toJS(): unknown }>)].map((one) => one.toJS());
        const parts = (await pieces(text)).flatMap((piece) => values(piece.text));
        const some = (all: unknown[]): unknown[] => all.filter((value) => value !== null);
        expect(some(parts)).toEqual(some(values(text)));
      }),
      { numRuns: 100 },
    );
  });

  it('of nothing are none', async () => {
    expect(await pieces()).toEqual([]);
    expect(await pieces('', '')).toEqual([]);
  });
});
