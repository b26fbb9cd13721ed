import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ConfigError } from '@calico-node/service';
import { nodeComponent } from '../supervisor/node-components.ts';

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Has Felix look at its own variables, FELIX_*, of which it alone knows what they may be: in the node a mistake shows
 * before anything is changed, where Felix by itself would go on with a default. Nothing is asked when there are none.
 *
 * @throws ConfigError with each that is malformed, its value and what is allowed.
 */
export async function checkFelixVariables(env: Variables, ownFile: string, signal: AbortSignal): Promise<void> {
  const hasAny = Object.entries(env).some(([name, value]) => /^felix_/i.test(name) && value !== '');
  const felix = nodeComponent('felix', { ownFile, nodeBinary: process.execPath, nodeName: '', env });
  if (!hasAny || (env['CALICO_DISABLE_FELIX'] ?? '') !== '' || felix === undefined) return;
  const args = [...felix.args, '--check', '--health-address=off'];
  try {
    await promisify(execFile)(felix.command, args, { env: felix.env, signal });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 2 && 'stderr' in error)) throw error;
    throw new ConfigError(String(error.stderr).trim(), { cause: error });
  }
}
