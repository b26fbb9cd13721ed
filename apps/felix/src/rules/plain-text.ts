/** Text for people in the kernel's rules, which others list and load again: what would end it early there is `_`. */
export function plainText(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]|["\\]/g, '_');
}
