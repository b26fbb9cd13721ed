import type { JsonReader } from './json-reader.ts';

/** Another data plane that makes workloads' interfaces, over gRPC (`dataplane_options.type: grpc`). */
export interface GrpcDataplane {
  /** Where it listens: `unix:PATH`, a plain path or `HOST:PORT`. */
  readonly socket: string;
  /** All of `dataplane_options` that are strings: it is told them, as Calico does. */
  readonly options: Readonly<Record<string, string>>;
}

/** What `dataplane_options` say of another data plane; undefined: there is none. */
export function readDataplane(reader: JsonReader): GrpcDataplane | undefined {
  if (reader.text('type') !== 'grpc') return undefined;
  const socket = reader.text('socket');
  if (socket === '') reader.problems.push('dataplane_options.socket: missing');
  const options = Object.entries(reader.object).filter((entry): entry is [string, string] => {
    return typeof entry[1] === 'string';
  });
  return { socket, options: Object.fromEntries(options) };
}
