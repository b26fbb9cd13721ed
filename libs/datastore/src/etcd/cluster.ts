import { DatastoreError } from '../errors.ts';
import type { EtcdConfig } from '../config.ts';
import type { Log } from '../log.ts';
import type { CallOptions } from '../backend.ts';
import { findEndpoints } from './endpoints.ts';
import { classifyFailure, toDatastoreError } from './failure.ts';
import { EtcdMember } from './member.ts';

/** How often a call is repeated at most after a fresh login. */
const maxLogins = 2;

/**
 * The members of an etcd cluster and which of them is in use. A member is kept until it fails; then
 * the next takes its place, and the call that failed goes there if it may be repeated.
 */
export class EtcdCluster {
  readonly #config: EtcdConfig;
  readonly #log: Log;
  #members: readonly EtcdMember[] | undefined;
  #current = 0;
  #closed = false;

  constructor(config: EtcdConfig, log: Log) {
    this.#config = config;
    this.#log = log;
  }

  /** The member in use. @throws DatastoreError `unavailable` when closed. */
  async member(): Promise<EtcdMember> {
    const members = await this.#open();
    const member = members[this.#current % members.length];
    if (member === undefined) throw new DatastoreError('config', 'no etcd endpoint is configured');
    return member;
  }

  /** Turns to the next member, if the given one is still in use. */
  leave(member: EtcdMember): void {
    member.reset();
    const members = this.#members;
    if (members === undefined || members.length < 2 || members[this.#current % members.length] !== member) return;
    this.#current = (this.#current + 1) % members.length;
    this.#log.info(
      { from: member.endpoint.address, to: members[this.#current]?.endpoint.address },
      'turned to another etcd member',
    );
  }

  /**
   * Makes a call within its time limit. A read is repeated at each member once; a write only when the
   * member that failed cannot have seen it.
   */
  async call<T>(
    identity: string,
    kind: 'read' | 'write',
    options: CallOptions,
    run: (member: EtcdMember, grpc: { deadline: number }) => Promise<T>,
  ): Promise<T> {
    const { signal, timeoutMs = 5000 } = options;
    if (signal?.aborted === true) throw givenUp(identity, signal);
    const deadline = Date.now() + timeoutMs;
    const attempt = this.#attempt(identity, kind, deadline, run);
    if (signal === undefined) return attempt;
    return new Promise<T>((resolve, reject) => {
      const onAbort = (): void => {
        reject(givenUp(identity, signal));
      };
      signal.addEventListener('abort', onAbort, { once: true });
      attempt.then(resolve, reject).finally(() => {
        signal.removeEventListener('abort', onAbort);
      });
    });
  }

  async #attempt<T>(
    identity: string,
    kind: 'read' | 'write',
    latest: number,
    run: (member: EtcdMember, grpc: { deadline: number }) => Promise<T>,
  ): Promise<T> {
    const count = (await this.#open()).length;
    let logins = 0;
    let deadline = latest;
    // One more attempt than members: a connection that died while idle is only noticed by using it.
    for (let left = count; ; left--) {
      const member = await this.member();
      try {
        const began = Date.now();
        member.load();
        const now = Date.now();
        // Nobody could answer while the client was made, which takes a slow machine seconds.
        deadline += now - began;
        const share = count > 1 && kind === 'read' ? Math.max(1000, (deadline - now) / 2) : deadline - now;
        return await run(member, { deadline: Math.min(deadline, now + share) });
      } catch (error) {
        const failure = classifyFailure(error);
        if (failure === 'login' && logins < maxLogins) {
          logins++;
          left++;
          member.reset();
          continue;
        }
        if (failure === 'lost' || failure === 'unsent') this.leave(member);
        const repeatable = failure === 'unsent' || (failure === 'lost' && kind === 'read');
        if (!repeatable || left <= 0 || Date.now() >= deadline || this.#closed) {
          throw toDatastoreError(error, identity, this.describe());
        }
      }
    }
  }

  /** The endpoints, for messages. */
  describe(): string {
    return this.#config.discoverySrv ?? this.#config.endpoints.join(', ');
  }

  close(): void {
    this.#closed = true;
    for (const member of this.#members ?? []) member.reset();
  }

  async #open(): Promise<readonly EtcdMember[]> {
    if (this.#closed) throw new DatastoreError('unavailable', 'the connection to the store was closed');
    this.#members ??= (await findEndpoints(this.#config)).map((endpoint) => new EtcdMember(endpoint, this.#config));
    return this.#members;
  }
}

function givenUp(identity: string, signal: AbortSignal): DatastoreError {
  return new DatastoreError('unavailable', `the call was given up: ${identity}`, { identity, cause: signal.reason });
}
