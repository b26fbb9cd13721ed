/**
 * Compact JSON laid out as Go's `json.MarshalIndent` does it with two spaces, without reading it: numbers of
 * any size stay as they are.
 */
export function indentJson(compact: string): string {
  let depth = 0;
  const newline = (): string => `\n${'  '.repeat(depth)}`;
  // Strings are matched whole, so that what they hold is left alone.
  return compact.replace(/"(?:[^"\\]|\\.)*"|\{\}|\[\]|[{[,:\]}]/g, (token) => {
    switch (token) {
      case '{':
      case '[':
        depth += 1;
        return token + newline();
      case '}':
      case ']':
        depth -= 1;
        return newline() + token;
      case ',':
        return token + newline();
      case ':':
        return ': ';
      default:
        return token;
    }
  });
}
