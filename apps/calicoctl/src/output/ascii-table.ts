const NUMBER = /^-?(?:\d{1,3}(?:,\d{3})*|\d+)(?:\.\d+)?$/;

/**
 * A table with ASCII borders, as Calico's table library draws it: headings in capitals and centred, text to
 * the left, numbers to the right. Ends with a newline.
 */
export function asciiTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const titles = headings.map((heading) => heading.toUpperCase());
  const widths = titles.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const border = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+\n`;
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  const header = line(titles.map((title, column) => centre(title, widths[column] ?? 0)));
  const body = rows.map((row) => line(widths.map((width, column) => align(row[column] ?? '', width))));
  return [border, header, border, ...body, border].join('');
}

function centre(text: string, width: number): string {
  const gap = width - text.length;
  const left = Math.floor(gap / 2);
  return ' '.repeat(left) + text + ' '.repeat(gap - left);
}

function align(text: string, width: number): string {
  return NUMBER.test(text) ? text.padStart(width) : text.padEnd(width);
}
