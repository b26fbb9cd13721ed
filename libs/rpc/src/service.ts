/** What the generated definitions of services say, and the types that follow from them. */

/** A generated message: how it is written and read. */
export interface MessageType<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/** One method of a generated definition. */
export interface MethodDefinition {
  readonly name: string;
  readonly requestType: MessageType<unknown>;
  readonly requestStream: boolean;
  readonly responseType: MessageType<unknown>;
  readonly responseStream: boolean;
}

/** A generated definition. */
export interface ServiceDefinition {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, MethodDefinition>>;
}

type MessageOf<M> = M extends { decode(bytes: Uint8Array): infer T } ? T : never;
export type RequestOf<M extends MethodDefinition> = MessageOf<M['requestType']>;
export type ResponseOf<M extends MethodDefinition> = MessageOf<M['responseType']>;

/** What a handler knows of its caller. */
export interface CallContext {
  /** Fires when the caller gives up or its deadline passes. */
  readonly signal: AbortSignal;
}

/** Answers one request. An `RpcError` keeps its code; anything else that is thrown is INTERNAL. */
export type UnaryHandler<Req, Res> = (request: Req, context: CallContext) => Promise<Res> | Res;

/** Answers one request with many messages, which are asked for as fast as the caller takes them. */
export type StreamingHandler<Req, Res> = (request: Req, context: CallContext) => Iterable<Res> | AsyncIterable<Res>;

/** What serves a service. */
export type ServiceHandlers<D extends ServiceDefinition> = {
  readonly [M in keyof D['methods']]: D['methods'][M]['responseStream'] extends true
    ? StreamingHandler<RequestOf<D['methods'][M]>, ResponseOf<D['methods'][M]>>
    : UnaryHandler<RequestOf<D['methods'][M]>, ResponseOf<D['methods'][M]>>;
};

export interface UnaryCallOptions {
  /** How long the call may take, in milliseconds; no limit when absent. */
  readonly timeoutMs?: number;
  /** Wait for the server to come up, within the time limit, instead of failing at once. */
  readonly waitForReady?: boolean;
  /** Sent along, names in lower case. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

export type UnaryMethod<Req, Res> = (request: Req, options?: UnaryCallOptions) => Promise<Res>;
export type StreamingMethod<Req, Res> = (request: Req) => AsyncIterable<Res>;

/** A client of a service. */
export type ServiceClient<D extends ServiceDefinition> = {
  readonly [M in keyof D['methods']]: D['methods'][M]['responseStream'] extends true
    ? StreamingMethod<RequestOf<D['methods'][M]>, ResponseOf<D['methods'][M]>>
    : UnaryMethod<RequestOf<D['methods'][M]>, ResponseOf<D['methods'][M]>>;
} & {
  /** Running calls end with `CANCELLED`. */
  close(): void;
};

/** Where a method is asked for. */
export function pathOf({ fullName }: ServiceDefinition, { name }: MethodDefinition): string {
  return `/${fullName}/${name}`;
}
