import { errnoName, errnoNumber, type ErrnoName } from './errno.ts';

interface NetlinkErrorFacts {
  /** The positive errno; found from `code` when absent. */
  readonly errno?: number;
  readonly code?: ErrnoName;
  /** What the kernel (extended acknowledgement) or the parser has to say. */
  readonly detail?: string | undefined;
  /** What was asked for, when the request said so. */
  readonly request?: string | undefined;
  readonly requestIndex?: number | undefined;
  readonly attributeOffset?: number | undefined;
  readonly missingAttribute?: number | undefined;
}

/** What the kernel answered to one request, or what is wrong with its answer. */
export class NetlinkError extends Error {
  override readonly name = 'NetlinkError';
  /** The positive errno. */
  readonly errno: number;
  readonly code: ErrnoName;
  /** Which request of the batch it was, from 0. */
  readonly requestIndex: number | undefined;
  /** Where in the request message, header included, the attribute stands that the kernel objects to. */
  readonly attributeOffset: number | undefined;
  /** The attribute type that the kernel misses. */
  readonly missingAttribute: number | undefined;
  readonly #facts: NetlinkErrorFacts;

  constructor(facts: NetlinkErrorFacts) {
    const errno = facts.errno ?? errnoNumber(facts.code ?? 'UNKNOWN');
    const code = facts.code ?? errnoName(errno);
    const parts = [facts.request, code === 'UNKNOWN' ? `errno ${errno}` : code, facts.detail];
    super(parts.filter((part) => part !== undefined).join(': '));
    this.#facts = facts;
    this.errno = errno;
    this.code = code;
    this.requestIndex = facts.requestIndex;
    this.attributeOffset = facts.attributeOffset;
    this.missingAttribute = facts.missingAttribute;
  }

  /** The same error, numbered within a larger batch. */
  withRequestIndex(requestIndex: number): NetlinkError {
    return new NetlinkError({ ...this.#facts, requestIndex });
  }
}
