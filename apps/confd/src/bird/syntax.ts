/** BIRD's configuration language, as far as it is written here. Text is kept as lines until the end. */

export type Lines = readonly string[];

/** `head {`, the body indented, and the closing brace; `end` follows the brace. */
export function block(head: string, body: Lines, end = ''): Lines {
  return [`${head} {`, ...indent(body), `}${end}`];
}

/** A function definition. An empty body is one that does nothing. */
export function functionOf(name: string, parameters: string, body: Lines): Lines {
  return [`function ${name}(${parameters})`, '{', ...indent(body), '}'];
}

function indent(lines: Lines): Lines {
  return lines.map((line) => (line === '' ? '' : `  ${line}`));
}

/** A string literal; none for text that BIRD has no literal for: its strings know no escapes, and end with the line. */
export function quote(text: string): string | undefined {
  return /["\r\n\0]/.test(text) ? undefined : `"${text}"`;
}

/** Text for a comment: what would end it, or could not be seen, is replaced. */
export function plain(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?');
}

/** Sections parted by empty lines; the file ends with a line end. */
export function document(...sections: readonly Lines[]): string {
  const texts = sections.filter((lines) => lines.length > 0).map((lines) => lines.join('\n'));
  return `${texts.join('\n\n')}\n`;
}
