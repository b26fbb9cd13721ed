/** The Huffman code of HPACK (RFC 7541 section 5.2 and appendix B). It is canonical: the lengths of its codes are all of it. */

/** Bits of each octet's code, and at last of the end of the string. */
// prettier-ignore
const codeLengths = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
] as const;
const endOfString = 256;
const maxLength = 30;

/** Of the codes of one length: the first, and which symbols they stand for in order. */
interface CodesOfLength {
  readonly first: number;
  readonly symbols: readonly number[];
}

function codesByLength(): readonly CodesOfLength[] {
  const all: CodesOfLength[] = [{ first: 0, symbols: [] }];
  let code = 0;
  for (let length = 1; length <= maxLength; length++) {
    code <<= 1;
    const symbols = codeLengths.flatMap((own, symbol) => (own === length ? [symbol] : []));
    all.push({ first: code, symbols });
    code += symbols.length;
  }
  return all;
}

let codes: readonly CodesOfLength[] | undefined;

/** Reads a string. @throws Error for what is no code, and for padding that is none (RFC 7541 section 5.2). */
export function decodeHuffman(bytes: Uint8Array): string {
  codes ??= codesByLength();
  let text = '';
  let code = 0;
  let length = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = (code << 1) | ((byte >> bit) & 1);
      length++;
      const { first = 0, symbols = [] } = codes[length] ?? {};
      const symbol = symbols[code - first];
      if (symbol !== undefined) {
        if (symbol === endOfString) throw new Error('HPACK: an end inside a string');
        text += String.fromCharCode(symbol);
        code = 0;
        length = 0;
      } else if (length >= maxLength) throw new Error('HPACK: no such code');
    }
  }
  if (length > 7 || code !== (1 << length) - 1) throw new Error('HPACK: bad padding');
  return text;
}
