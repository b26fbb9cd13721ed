import type { Flow, FlowCounts, FlowKey } from './flow.ts';
import type { End } from './ends.ts';

type Labels = NonNullable<End['item']>['labels'];

const noCounts: FlowCounts = {
  ...{ packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0 },
  ...{ started: 0, completed: 0, live: 0 },
};

interface Entry {
  readonly key: FlowKey;
  sourceLabels: ReadonlyMap<string, string> | undefined;
  destinationLabels: ReadonlyMap<string, string> | undefined;
  counts: FlowCounts;
}

/** Flows since a time, by what they have in common. */
export class FlowTable {
  readonly #entries = new Map<string, Entry>();

  /** Gives the key as text, to tell whether another is the same. */
  add(key: FlowKey, source: End, destination: End, counts: Partial<FlowCounts>): string {
    const text = JSON.stringify(key);
    const entry = this.#entries.get(text) ?? {
      key,
      ...{ sourceLabels: undefined, destinationLabels: undefined, counts: noCounts },
    };
    this.#entries.set(text, entry);
    entry.sourceLabels = common(entry.sourceLabels, source.item?.labels);
    entry.destinationLabels = common(entry.destinationLabels, destination.item?.labels);
    entry.counts = sum(entry.counts, counts);
    return text;
  }

  /** What there is, which begins anew. */
  take(startMs: number, endMs: number): readonly Flow[] {
    const flows = [...this.#entries.values()].map(({ key, sourceLabels, destinationLabels, counts }) => ({
      key,
      startMs,
      endMs,
      sourceLabels: textsOf(sourceLabels),
      destinationLabels: textsOf(destinationLabels),
      ...counts,
    }));
    this.#entries.clear();
    return flows;
  }
}

function common(
  before: ReadonlyMap<string, string> | undefined,
  labels: Labels | undefined,
): ReadonlyMap<string, string> {
  const own = new Map(labels ?? []);
  return before === undefined ? own : new Map([...before].filter(([name, value]) => own.get(name) === value));
}

function textsOf(labels: ReadonlyMap<string, string> | undefined): readonly string[] {
  return [...(labels ?? [])].map(([name, value]) => `${name}=${value}`).sort();
}

function sum(a: FlowCounts, b: Partial<FlowCounts>): FlowCounts {
  const of = (name: keyof FlowCounts): number => a[name] + (b[name] ?? 0);
  return {
    ...{ packetsIn: of('packetsIn'), packetsOut: of('packetsOut'), bytesIn: of('bytesIn'), bytesOut: of('bytesOut') },
    ...{ started: of('started'), completed: of('completed'), live: of('live') },
  };
}
