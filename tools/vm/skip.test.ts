import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);

it('says that it is skipped, and does not fail, where QEMU is missing', async () => {
  const programs = await mkdtemp(join(tmpdir(), 'without-qemu-'));
  try {
    for (const name of ['sh', 'dirname', 'uname']) {
      const { stdout } = await run('sh', ['-c', `command -v ${name}`]);
      await symlink(stdout.trim(), join(programs, name));
    }
    const { stdout } = await run(join(import.meta.dirname, 'test.sh'), { env: { PATH: programs } });
    expect(stdout).toMatch(/^test-vm: skipped: (qemu-system-x86_64 is missing|the kernel that it boots is for x86_64)/);
  } finally {
    await rm(programs, { recursive: true });
  }
});
