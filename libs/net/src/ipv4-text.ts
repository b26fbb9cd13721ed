const ZERO = 0x30;
const DOT = 0x2e;

/**
 * Dotted-quad text as a 32-bit unsigned number, or undefined. As strict as Go's `netip`: four decimal
 * octets, no leading zeros, nothing around them.
 */
export function ipv4FromText(text: string): number | undefined {
  if (text.length < 7 || text.length > 15) return undefined;
  let address = 0;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  for (let index = 0; index < text.length; index++) {
    const char = text.charCodeAt(index);
    if (char === DOT) {
      if (digits === 0 || dots === 3) return undefined;
      address = address * 256 + octet;
      octet = 0;
      digits = 0;
      dots++;
      continue;
    }
    const digit = char - ZERO;
    if (digit < 0 || digit > 9 || (digits > 0 && octet === 0)) return undefined;
    octet = octet * 10 + digit;
    digits++;
    if (octet > 255) return undefined;
  }
  return digits > 0 && dots === 3 ? address * 256 + octet : undefined;
}

/** The dotted quad of a 32-bit unsigned number. */
export function ipv4ToText(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}
