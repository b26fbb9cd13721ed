import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from '@calico-node/service';

/** The file that tells the plug-ins that attach workloads which MTU to use. They find the old one or the new one, whole. */
export class MtuFile {
  readonly #path: string;
  readonly #isRequired: boolean;
  readonly #log: Logger;
  readonly #failure = Promise.withResolvers<never>();

  /** @param isRequired Felix is not to go on without it (RequireMTUFile). */
  constructor(path: string, isRequired: boolean, log: Logger) {
    this.#path = path;
    this.#isRequired = isRequired;
    this.#log = log;
    // Somebody may wait for it only later.
    this.#failure.promise.catch(() => undefined);
  }

  /** Rejects when the file is required and cannot be written. */
  get failed(): Promise<never> {
    return this.#failure.promise;
  }

  write(mtu: number): void {
    const file = this.#path;
    try {
      mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
      writeFileSync(`${file}.new`, String(mtu), { mode: 0o644 });
      renameSync(`${file}.new`, file);
      this.#log.info({ mtu, file }, 'workloads attached from now on have this MTU');
    } catch (error) {
      this.#log.error({ err: error, mtu, file }, 'the MTU for workloads is not written');
      if (this.#isRequired) this.#failure.reject(new Error(`RequireMTUFile: cannot write ${file}`, { cause: error }));
    }
  }
}
