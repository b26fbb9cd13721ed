import { parseAsn, parseCidrLoose, tryParseIp, type Cidr, type IpAddress } from '@calico-node/net';

export interface V1Problem {
  readonly path: string;
  readonly message: string;
}

/**
 * Reads the fields of one object of the v1 API. Every problem is kept, so that a caller sees all; what can't be
 * read is as if it were not there. Fields that nobody asked for are problems when `done` is called.
 */
export class V1Reader {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #problems: V1Problem[];
  readonly #asked = new Set<string>();

  constructor(value: unknown, path: string, problems: V1Problem[]) {
    this.#path = path;
    this.#problems = problems;
    this.#fields = isRecord(value) ? value : {};
    if (value !== undefined && value !== null && !isRecord(value)) this.report('', 'must be an object');
  }

  report(field: string, message: string): void {
    const path = [this.#path, field].filter((part) => part !== '').join('.');
    this.#problems.push({ path, message });
  }

  has(field: string): boolean {
    return this.#take(field) !== undefined;
  }

  text(field: string): string | undefined {
    return this.#typed(field, 'a text', (value) => (typeof value === 'string' ? value : undefined));
  }

  /** A text that must be there. */
  required(field: string): string {
    const text = this.text(field) ?? '';
    if (text === '' && this.#fields[field] !== 0) this.report(field, 'is required');
    return text;
  }

  number(field: string): number | undefined {
    return this.#typed(field, 'a number', (value) => (typeof value === 'number' ? value : undefined));
  }

  flag(field: string): boolean {
    return this.#typed(field, 'true or false', (value) => (typeof value === 'boolean' ? value : undefined)) ?? false;
  }

  asNumber(field: string): number | undefined {
    return this.#typed(field, 'an AS number', (value) =>
      typeof value === 'string' || typeof value === 'number' ? attempt(() => parseAsn(value)) : undefined,
    );
  }

  address(field: string): IpAddress | undefined {
    return this.#typed(field, 'an IP address', (value) => (typeof value === 'string' ? tryParseIp(value) : undefined));
  }

  addresses(field: string): readonly IpAddress[] {
    return this.#list(field, 'an IP address', (value) => (typeof value === 'string' ? tryParseIp(value) : undefined));
  }

  /** Bits behind the prefix are cleared; an address alone is a network of one. */
  network(field: string): Cidr | undefined {
    return this.#typed(field, 'a network', asNetwork);
  }

  networks(field: string): readonly Cidr[] {
    return this.#list(field, 'a network', asNetwork);
  }

  texts(field: string): readonly string[] {
    return this.#list(field, 'a text', (value) => (typeof value === 'string' ? value : undefined));
  }

  /** Numbers, ranges and names, as v3 has them. */
  ports(field: string): readonly (number | string)[] {
    return this.#list(field, 'a port', (value) =>
      typeof value === 'string' || typeof value === 'number' ? value : undefined,
    );
  }

  labels(field: string): Readonly<Record<string, string>> {
    const labels = this.#typed(field, 'an object of texts', (value) =>
      isRecord(value) && Object.values(value).every((text) => typeof text === 'string')
        ? (value as Readonly<Record<string, string>>) // checked above
        : undefined,
    );
    return labels ?? {};
  }

  /** v1 had protocols in lower case; numbers stay. */
  protocol(field: string): number | string | undefined {
    return this.#typed(field, 'a protocol', (value) => {
      if (typeof value === 'number') return value;
      return typeof value === 'string' ? (PROTOCOLS.get(value.toLowerCase()) ?? value) : undefined;
    });
  }

  /** An object in a field; its own problems are kept with this one's. */
  inner(field: string): V1Reader {
    return new V1Reader(this.#take(field), this.#pathOf(field), this.#problems);
  }

  inners(field: string): readonly V1Reader[] {
    const value = this.#take(field);
    if (value === undefined) return [];
    if (!Array.isArray(value)) {
      this.report(field, 'must be a list');
      return [];
    }
    return value.map((item: unknown, index) => new V1Reader(item, `${this.#pathOf(field)}[${index}]`, this.#problems));
  }

  /** Reports the fields that were not asked for. */
  done(): void {
    for (const field of Object.keys(this.#fields)) {
      if (!this.#asked.has(field)) this.report(field, 'is not a field of the v1 API');
    }
  }

  #pathOf(field: string): string {
    return this.#path === '' ? field : `${this.#path}.${field}`;
  }

  #take(field: string): unknown {
    this.#asked.add(field);
    return this.#fields[field] ?? undefined;
  }

  #typed<T>(field: string, what: string, read: (value: unknown) => T | undefined): T | undefined {
    const value = this.#take(field);
    if (value === undefined) return undefined;
    const typed = read(value);
    if (typed === undefined) this.report(field, `must be ${what}`);
    return typed;
  }

  #list<T>(field: string, what: string, read: (value: unknown) => T | undefined): readonly T[] {
    const value = this.#take(field);
    if (value === undefined) return [];
    if (!Array.isArray(value)) {
      this.report(field, 'must be a list');
      return [];
    }
    return value.flatMap((item: unknown, index) => {
      const typed = read(item);
      if (typed === undefined) this.report(`${field}[${index}]`, `must be ${what}`);
      return typed === undefined ? [] : [typed];
    });
  }
}

const PROTOCOLS: ReadonlyMap<string, string> = new Map(
  ['TCP', 'UDP', 'ICMP', 'ICMPv6', 'SCTP', 'UDPLite'].map((name) => [name.toLowerCase(), name]),
);

function asNetwork(value: unknown): Cidr | undefined {
  return typeof value === 'string' ? attempt(() => parseCidrLoose(value)) : undefined;
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
