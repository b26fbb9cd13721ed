type Write = (fields: object, message: string) => void;

/** The part of a pino logger that this library uses. */
export interface Log {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
}

/** Says nothing; for tests and for callers without a log. */
export const silentLog: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined };
