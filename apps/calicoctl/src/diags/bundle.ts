import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { writeTarGz } from '../archive/write-tar-gz.ts';
import { redact } from './redact.ts';

/** A directory of diagnostics in the making, readable to its owner only. */
export interface Bundle {
  /** The temporary directory around it. */
  readonly temporary: string;
  /** Adds a file, without the secrets in it. The name may hold `/`. */
  add(name: string, text: string): Promise<void>;
  /** As `add`, for what is no text. */
  addBinary(name: string, bytes: Uint8Array): Promise<void>;
  /** Packs everything into an archive. */
  pack(archive: string): Promise<void>;
  /** Removes the directory, not the temporary one around it. */
  clear(): Promise<void>;
}

/** @param name of the directory in the archive */
export async function startBundle(name: string): Promise<Bundle> {
  const temporary = await mkdtemp(join(tmpdir(), 'calico'));
  const directory = join(temporary, name);
  await mkdir(directory, { mode: 0o700 });
  async function write(file: string, content: string | Uint8Array): Promise<void> {
    const path = join(directory, file);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, content, { mode: 0o600 });
  }
  return {
    temporary,
    add: (file, text) => write(file, redact(text)),
    addBinary: write,
    pack: (archive) => writeTarGz(directory, archive),
    clear: () => rm(directory, { recursive: true, force: true }),
  };
}

/** `20260102_030405`, in UTC. */
export function timestamp(now: Date): string {
  return now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '_');
}
