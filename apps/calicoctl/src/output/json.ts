const ESCAPES: Readonly<Record<string, string>> = {
  '&': '\\u0026',
  '<': '\\u003c',
  '>': '\\u003e',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

/** JSON as Go's encoder indents it: two spaces, HTML's characters escaped, no newline at the end. */
export function renderJson(value: unknown): string {
  const text = JSON.stringify(value, null, 2);
  // These characters occur in strings only.
  return text.replaceAll(/[&<>\u2028\u2029]/g, (character) => ESCAPES[character] ?? character);
}
