/*
 * Go's fmt, for JSON's values.
 */

/** What a `%` verb or a value that does not fit it is told with. */
export function goSprintf(format: string, args: readonly unknown[]): string {
  let next = 0;
  const take = (): { readonly value: unknown } | undefined =>
    next < args.length ? { value: args[next++] } : undefined;
  const text = format.replaceAll(
    /%([-+# 0]*)(\*|\d+)?(?:\.(\*|\d*))?(.|$)/gsu,
    (_whole, flags: string, width: string | undefined, precision: string | undefined, verb: string) => {
      if (verb === '%') return '%';
      const size = width === '*' ? Number(take()?.value) : Number(width ?? 0);
      const digits =
        precision === '*' ? Number(take()?.value) : precision === undefined ? undefined : Number(precision);
      if (verb === '') return '%!(NOVERB)';
      const argument = take();
      if (argument === undefined) return `%!${verb}(MISSING)`;
      return pad(formatVerb(verb, argument.value, flags, digits), Math.abs(size), size < 0 ? `${flags}-` : flags);
    },
  );
  const extra = args.slice(next).map((value) => `${goType(value)}=${goValue(value)}`);
  return extra.length === 0 ? text : `${text}%!(EXTRA ${extra.join(', ')})`;
}

function pad(text: string, width: number, flags: string): string {
  const missing = width - Array.from(text).length;
  if (missing <= 0) return text;
  if (flags.includes('-')) return text + ' '.repeat(missing);
  if (!flags.includes('0') || !/^[-+]?[\d.]/.test(text)) return ' '.repeat(missing) + text;
  const sign = /^[-+]/.exec(text)?.[0] ?? '';
  return sign + '0'.repeat(missing) + text.slice(sign.length);
}

function formatVerb(verb: string, value: unknown, flags: string, precision: number | undefined): string {
  const wrong = `%!${verb}(${goType(value)}=${goValue(value)})`;
  const plus = flags.includes('+') && typeof value === 'number' && value >= 0 ? '+' : '';
  switch (verb) {
    case 'v':
      return plus + (flags.includes('#') && typeof value === 'string' ? JSON.stringify(value) : goValue(value));
    case 's':
      if (Array.isArray(value) || isRecord(value)) return goValue(value);
      if (typeof value !== 'string') return wrong;
      return precision === undefined ? value : Array.from(value).slice(0, precision).join('');
    case 'q':
      if (Array.isArray(value)) return `[${value.map((item) => formatVerb('q', item, flags, precision)).join(' ')}]`;
      return typeof value === 'string' ? JSON.stringify(value) : wrong;
    case 't':
      return typeof value === 'boolean' ? String(value) : wrong;
    case 'T':
      return goType(value);
    case 'd':
    case 'x':
    case 'X':
    case 'o':
    case 'b':
    case 'c':
      return Number.isInteger(value) ? plus + formatInteger(verb, Number(value)) : wrong;
    case 'f':
    case 'F':
    case 'e':
    case 'E':
    case 'g':
    case 'G':
      return typeof value === 'number' ? plus + formatFloat(verb, value, precision) : wrong;
    default:
      return wrong;
  }
}

function formatInteger(verb: string, value: number): string {
  switch (verb) {
    case 'c':
      return value >= 0 && value <= 0x10ffff ? String.fromCodePoint(value) : '\ufffd';
    case 'x':
      return value.toString(16);
    case 'X':
      return value.toString(16).toUpperCase();
    case 'o':
      return value.toString(8);
    case 'b':
      return value.toString(2);
    default:
      return String(value);
  }
}

function formatFloat(verb: string, value: number, precision: number | undefined): string {
  const digits = Math.min(precision ?? 6, 100);
  switch (verb) {
    case 'f':
    case 'F':
      return value.toFixed(digits);
    case 'e':
      return twoDigitExponent(value.toExponential(digits));
    case 'E':
      return twoDigitExponent(value.toExponential(digits)).toUpperCase();
    default:
      return precision === undefined ? goNumber(value) : goNumber(Number(value.toPrecision(Math.max(1, digits))));
  }
}

/** A value as `%v` prints it. */
export function goValue(value: unknown): string {
  if (value === undefined) return '<no value>';
  if (value === null) return '<nil>';
  if (typeof value === 'number') return goNumber(value);
  if (Array.isArray(value)) return `[${value.map(goValue).join(' ')}]`;
  if (isRecord(value)) {
    const keys = Object.keys(value).sort();
    return `map[${keys.map((key) => `${key}:${goValue(value[key])}`).join(' ')}]`;
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** As Go's `%v` has a float64: an exponent below 1e-4 and from 1e21 on. */
function goNumber(value: number): string {
  const size = Math.abs(value);
  return value !== 0 && (size < 1e-4 || size >= 1e21) ? twoDigitExponent(value.toExponential()) : String(value);
}

function twoDigitExponent(text: string): string {
  return text.replace(/e([-+])(\d)$/, 'e$10$2');
}

export function goType(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64';
  if (typeof value === 'boolean') return 'bool';
  if (Array.isArray(value)) return '[]interface {}';
  return typeof value === 'string' ? 'string' : 'map[string]interface {}';
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
