const UNIT_NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  '\u00b5s': 1e3,
  '\u03bcs': 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

const WHOLE = /^[-+]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+$/;
const PART = /([0-9]*)(?:\.([0-9]*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/g;
const MAX_NANOSECONDS = (1n << 63n) - 1n;
/** More digits than any number of units that fits; leading zeros of that length are refused with them. */
const MAX_DIGITS = 100;

/** The nanoseconds of Go duration text ("1m30s", "1.5h"), or undefined where Go's `time.ParseDuration` fails. */
export function parseGoDuration(text: string): bigint | undefined {
  if (/^[-+]?0$/.test(text)) return 0n;
  if (!WHOLE.test(text)) return undefined;
  let total = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of text.matchAll(PART)) {
    const nanoseconds = BigInt(UNIT_NANOSECONDS[unit] ?? 0);
    const digits = fraction.slice(0, 18);
    if (whole.length > MAX_DIGITS) return undefined;
    total += BigInt(whole || '0') * nanoseconds;
    total += (BigInt(digits || '0') * nanoseconds) / 10n ** BigInt(digits.length);
  }
  if (total > MAX_NANOSECONDS) return undefined;
  return text.startsWith('-') ? -total : total;
}

/** The text that Go's `time.Duration.String` prints: "1m30s", "0s", "1.5ms". */
export function formatGoDuration(nanoseconds: bigint): string {
  if (nanoseconds < 0n) return `-${formatGoDuration(-nanoseconds)}`;
  if (nanoseconds === 0n) return '0s';
  if (nanoseconds < 1_000n) return `${nanoseconds.toString()}ns`;
  if (nanoseconds < 1_000_000n) return `${decimal(nanoseconds, 3)}\u00b5s`;
  if (nanoseconds < 1_000_000_000n) return `${decimal(nanoseconds, 6)}ms`;
  const minutes = nanoseconds / 60_000_000_000n;
  const seconds = `${decimal(nanoseconds % 60_000_000_000n, 9)}s`;
  if (minutes === 0n) return seconds;
  const hours = minutes / 60n;
  return `${hours === 0n ? '' : `${hours.toString()}h`}${(minutes % 60n).toString()}m${seconds}`;
}

/** `value` divided by 10^places, without trailing zeros. */
function decimal(value: bigint, places: number): string {
  const digits = value.toString().padStart(places + 1, '0');
  const fraction = digits.slice(-places).replace(/0+$/, '');
  return fraction === '' ? digits.slice(0, -places) : `${digits.slice(0, -places)}.${fraction}`;
}
