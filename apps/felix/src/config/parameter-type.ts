import { familyOf, parseMac, tryParseIp, type Family, type IpAddress, type Mac } from '@calico-node/net';
import type { PortRange } from '../calc/parsed-rule.ts';

/** How a parameter's text is read. Every source, the datastore's too, is turned into text first, as in Felix. */
export interface ParameterType<T> {
  /** What is allowed, for the operator. */
  readonly allowed: string;
  /** Of durations, which resources write as Go does (`1m30s`). */
  readonly unit?: 'seconds' | 'milliseconds';
  /** What the text `none` stands for. */
  readonly zero: T;
  /** `undefined` when the text is not allowed. */
  parse(text: string): T | undefined;
}

/** A value as a text that its type reads. */
export function textOf(value: unknown): string {
  if (value === undefined) return '';
  if (value instanceof RegExp) return value.source === '(?!)' ? '' : value.source;
  if (Array.isArray(value)) return value.map(textOf).join(',');
  if (isPortRange(value)) return value.first === value.last ? `${value.first}` : `${value.first}:${value.last}`;
  if (typeof value === 'number' && value > 0xffffff) return `0x${value.toString(16)}`;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function isPortRange(value: unknown): value is PortRange {
  return typeof value === 'object' && value !== null && 'first' in value && 'last' in value;
}

export const bool: ParameterType<boolean> = {
  allowed: 'true or false',
  zero: false,
  parse: (text) => {
    switch (text.toLowerCase()) {
      case 'true':
      case '1':
      case 't':
      case 'yes':
      case 'y':
        return true;
      case 'false':
      case '0':
      case 'f':
      case 'no':
      case 'n':
        return false;
      default:
        return undefined;
    }
  },
};

/** Whole numbers as Go reads them: decimal, 0x, 0b, 0o or a leading 0 for octal, _ between digits. */
function wholeNumber(text: string): number | undefined {
  const [, sign = '', digits = ''] =
    /^([+-]?)(0|[1-9](?:_?\d)*|0(?:_?[0-7])+|0x(?:_?[\da-f])+|0b(?:_?[01])+|0o(?:_?[0-7])+)$/i.exec(text) ?? [];
  if (digits === '') return undefined;
  const plain = digits.replaceAll('_', '').replace(/^0(?=\d)/, '0o');
  return sign === '-' ? -Number(plain) : Number(plain);
}

/** A number of some unit, as Go reads floating-point numbers; below zero is zero, which switches off. */
function amount(text: string): number | undefined {
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Math.max(0, Number(text)) : undefined;
}

/** A whole number, decimal or with the prefix of another base. */
export const int = (min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER): ParameterType<number> => ({
  allowed: min === Number.MIN_SAFE_INTEGER ? 'a whole number' : `a whole number from ${min} to ${max}`,
  zero: 0,
  parse: (text) => {
    const value = wholeNumber(text);
    return value !== undefined && value >= min && value <= max ? value : undefined;
  },
});

/** A mask with at least the bits that Felix's marks need. */
export const markMask: ParameterType<number> = {
  allowed: 'a 32-bit mask with at least 5 bits set',
  zero: 0,
  parse: (text) => {
    const value = int(0, 0xffffffff).parse(text);
    return value !== undefined && value.toString(2).replaceAll('0', '').length >= 5 ? value : undefined;
  },
};

/** Seconds, with a fraction; what the datastore writes as a Go duration arrives so. */
export const seconds: ParameterType<number> = {
  allowed: 'seconds, such as 90 or 0.5',
  unit: 'seconds',
  zero: 0,
  parse: amount,
};

/** Milliseconds, with a fraction. */
export const milliseconds: ParameterType<number> = {
  allowed: 'milliseconds, such as 50',
  unit: 'milliseconds',
  zero: 0,
  parse: amount,
};

export const text: ParameterType<string> = { allowed: 'text', zero: '', parse: (value) => value };

/** One of several words, in any case; read as it is spelt in the list. `none` is the word for off, else the first. */
export const oneOf = <const W extends string>(...words: readonly [W, ...W[]]): ParameterType<W> => ({
  allowed: `one of ${words.join(', ')}`,
  zero: words.find((word) => /^(?:disabled|off)$/i.test(word)) ?? words[0],
  parse: (value) => words.find((word) => word.toLowerCase() === value.toLowerCase()),
});

/** Starts of interface names, separated by commas. */
export const interfaceList: ParameterType<readonly string[]> = {
  allowed: 'interface name prefixes of 1 to 15 characters, separated by commas',
  zero: [],
  parse: (value) => {
    const names = value.split(',').map((name) => name.trim());
    return names.every((name) => /^[a-zA-Z0-9:._-]{1,15}$/.test(name)) ? names : undefined;
  },
};

export const address = (family: Family): ParameterType<IpAddress | undefined> => ({
  allowed: `an IPv${family} address`,
  zero: undefined,
  parse: (value) => {
    const ip = tryParseIp(value);
    return ip !== undefined && familyOf(ip) === family ? ip : undefined;
  },
});

export const mac: ParameterType<Mac | undefined> = {
  allowed: 'a hardware address such as 66:00:00:00:00:01',
  zero: undefined,
  parse: (value) => {
    try {
      return parseMac(value);
    } catch {
      return undefined;
    }
  },
};

/** `10/second`: how many, and in which time; undefined is no limit. */
export const rate: ParameterType<{ readonly count: number; readonly per: RateUnit } | undefined> = {
  allowed: 'a rate such as 10/second, 5/minute, 6/hour or 1/day',
  zero: undefined,
  parse: (value) => {
    const [, count = '', per = ''] = /^([1-9]\d{0,8})\/(\w+)$/.exec(value) ?? [];
    const unit = (['second', 'minute', 'hour', 'day'] as const).find((each) => each === per.toLowerCase());
    return unit === undefined ? undefined : { count: Number(count), per: unit };
  },
};

/** A port, or ports from the first to the last; undefined for none said. */
export const portRange: ParameterType<PortRange | undefined> = {
  allowed: 'a port or a range of them such as 30000:32767',
  zero: undefined,
  parse: (value) => {
    const [, low = '', high = low] = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(value) ?? [];
    const [first, last] = [Number(low), Number(high)];
    return low !== '' && first <= last && last <= 65535 ? { first, last } : undefined;
  },
};

/** A regular expression that Go and JavaScript read alike. */
export const regexp: ParameterType<RegExp> = {
  allowed: 'a regular expression',
  zero: /(?!)/,
  parse: (value) => {
    try {
      return new RegExp(value);
    } catch {
      return undefined;
    }
  },
};

type RateUnit = 'second' | 'minute' | 'hour' | 'day';
