/** Shorter names are too easily like something else. */
const leastLength = 8;

/** Whether one name becomes the other by one letter more, less or another, or by two neighbours changing places. */
export function isMisspelt(name: string, known: string): boolean {
  if (known.length < leastLength || name === known || Math.abs(name.length - known.length) > 1) return false;
  let start = 0;
  while (start < name.length && name[start] === known[start]) start++;
  let end = 0;
  while (end < Math.min(name.length, known.length) - start && name.at(-1 - end) === known.at(-1 - end)) end++;
  const [left, right] = [name.slice(start, name.length - end), known.slice(start, known.length - end)];
  if (left.length <= 1 && right.length <= 1) return true;
  return left.length === 2 && right === `${left[1] ?? ''}${left[0] ?? ''}`;
}
