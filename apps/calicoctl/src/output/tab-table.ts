/** The narrowest column, and the spaces after each, as calicoctl sets Go's text/tabwriter. */
const MIN_WIDTH = 5;
const PADDING = 3;

/**
 * A table as Go's text/tabwriter aligns it: every cell, also the last, is filled with spaces to its column's
 * width, so lines end in spaces. Ends with a newline; the empty line after a table is the caller's.
 */
export function tabTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings, ...rows];
  const widths = headings.map((_, column) =>
    Math.max(MIN_WIDTH, ...lines.map((line) => length(line[column] ?? '') + PADDING)),
  );
  return lines.map((line) => `${widths.map((width, column) => pad(line[column] ?? '', width)).join('')}\n`).join('');
}

/** Code points, as Go counts a cell's width. */
function length(text: string): number {
  return Array.from(text).length;
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - length(text)));
}
