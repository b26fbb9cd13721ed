import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { padding, tarEnd, tarHeader } from './tar.ts';

/**
 * Packs a directory, under its own name, into a compressed archive that only its owner may read. Files must not
 * change meanwhile; what is neither file nor directory is left out.
 */
export async function writeTarGz(directory: string, archive: string): Promise<void> {
  await pipeline(
    Readable.from(entries(directory, basename(directory))),
    createGzip(),
    createWriteStream(archive, { mode: 0o600 }),
  );
}

async function* entries(path: string, name: string): AsyncGenerator<Uint8Array> {
  const info = await lstat(path);
  const modifiedSeconds = info.mtimeMs / 1000;
  if (info.isDirectory()) {
    yield tarHeader({ name, size: 0, modifiedSeconds, isDirectory: true });
    for (const child of (await readdir(path)).sort()) yield* entries(join(path, child), `${name}/${child}`);
    if (!name.includes('/')) yield tarEnd();
  } else if (info.isFile()) {
    yield tarHeader({ name, size: info.size, modifiedSeconds, isDirectory: false });
    // A stream without encoding gives buffers.
    for await (const chunk of createReadStream(path)) yield chunk as Uint8Array;
    yield padding(info.size);
  }
}
