/** One YAML document's text, cut out of a stream, so that a file of any length is read in parts. */
export interface Piece {
  readonly text: string;
  /** Where it begins: the number of the line in the whole, counted from 1. */
  readonly firstLine: number;
}

/** A document begins here: `---` alone or before something (YAML 1.2, 9.1.2). */
const START = /^---(?:[ \t\r\n]|$)/;
/** A document ends here, and directives may follow. */
const END = /^\.\.\.(?:[ \t\r\n]|$)/;

/**
 * Cuts text into pieces of one YAML document each; each line is in exactly one. YAML allows neither marker at the
 * start of a line inside of a document, be it in quotes or in a block of text. JSON has no such lines, so that
 * it is one piece.
 */
export async function* splitPieces(chunks: AsyncIterable<string> | Iterable<string>): AsyncGenerator<Piece> {
  let lines: string[] = [];
  let firstLine = 1;
  let number = 0;
  let isHead = true; // only directives, comments and empty lines so far: they belong to the document to come
  const take = (): Piece => {
    const piece = { text: lines.join(''), firstLine };
    lines = [];
    firstLine = number + 1;
    isHead = true;
    return piece;
  };
  for await (const line of splitLines(chunks)) {
    const starts = START.test(line);
    if (starts && !isHead) yield take();
    number += 1;
    lines.push(line);
    if (END.test(line)) yield take();
    else if (starts || !/^(?:%|\s*(?:#|$))/.test(line)) isHead = false;
  }
  if (lines.length > 0) yield take();
}

/** Lines with their ends, the last perhaps without. */
export async function* splitLines(chunks: AsyncIterable<string> | Iterable<string>): AsyncGenerator<string> {
  let parts: string[] = [];
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', from)) {
      parts.push(chunk.slice(from, end + 1));
      yield parts.join('');
      parts = [];
      from = end + 1;
    }
    if (from < chunk.length) parts.push(chunk.slice(from));
  }
  if (parts.length > 0) yield parts.join('');
}
