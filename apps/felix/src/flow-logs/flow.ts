import type { Direction } from '../rules/names.ts';
import type { End } from './ends.ts';
import type { Hit } from './hit.ts';
import type { ServicePort } from './services.ts';

/** What connections have in common that are told of together. */
export interface FlowKey {
  readonly source: Pick<End, 'type' | 'namespace' | 'name'>;
  readonly destination: Pick<End, 'type' | 'namespace' | 'name'>;
  /** 0 of protocols without ports. */
  readonly destinationPort: number;
  readonly service: ServicePort | undefined;
  readonly protocol: number;
  /** The end whose policy it is told of by: ingress is the destination's. */
  readonly direction: Direction;
  readonly action: 'Allow' | 'Deny';
  readonly enforced: readonly TracedHit[];
  readonly pending: readonly TracedHit[];
}

/** A hit, of a tier's default action with the first policy that was asked before. */
export interface TracedHit extends Hit {
  readonly trigger?: Hit;
}

/** What such connections came to between two times. */
export interface Flow extends FlowCounts {
  readonly key: FlowKey;
  /** Unix time in milliseconds. */
  readonly startMs: number;
  readonly endMs: number;
  /** Those that all sources have; sorted `NAME=VALUE`. */
  readonly sourceLabels: readonly string[];
  readonly destinationLabels: readonly string[];
}

/** `in` is to the end that tells, `out` from it. */
export interface FlowCounts {
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly started: number;
  readonly completed: number;
  /** At any time in between. */
  readonly live: number;
}
