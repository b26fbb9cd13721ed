import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { CniError, cniCodes } from '../spec/cni-error.ts';
import { isObject, type JsonObject } from '../spec/json-reader.ts';
import { parseResult, type Result } from '../spec/result.ts';

const timeoutMs = 60_000;
const maxOutputBytes = 1 << 20;

/** A call of another plug-in, with the configuration and environment of our own. */
export interface Delegation {
  readonly type: string;
  readonly command: 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS';
  readonly pluginPath: readonly string[];
  /** The CNI_* environment of our own call. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly document: JsonObject;
  readonly signal: AbortSignal;
}

function findPlugin(type: string, pluginPath: readonly string[]): string {
  for (const directory of pluginPath) {
    const path = join(directory, type);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here.
    }
  }
  throw new CniError(
    cniCodes.invalidConfig,
    `ipam.type: there is no plug-in '${type}' in CNI_PATH (${pluginPath.join(':') || 'empty'})`,
  );
}

function failureOf(type: string, code: number | null, stdout: string, stderr: string): CniError {
  try {
    const error: unknown = JSON.parse(stdout);
    if (isObject(error) && typeof error['code'] === 'number') {
      const message = typeof error['msg'] === 'string' ? error['msg'] : 'failed';
      const details = typeof error['details'] === 'string' ? error['details'] : undefined;
      return new CniError(error['code'], `${type}: ${message}`, details === undefined ? {} : { details });
    }
  } catch {
    // Not the error object of the specification: shown as text.
  }
  const text = (stderr || stdout).trim().slice(0, 1000);
  return new CniError(
    cniCodes.failed,
    `${type}: ended with ${code === null ? 'a signal' : `exit code ${code}`}: ${text}`,
  );
}

/** Runs a plug-in and gives its standard output. @throws CniError with the plug-in's own code and message. */
function runPlugin(path: string, { type, command, variables, document, signal }: Delegation): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(path, [], {
      env: { PATH: process.env['PATH'], ...variables, CNI_COMMAND: command },
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        if (output[stream].length < maxOutputBytes) output[stream] += text;
      });
    }
    child.once('error', (error) => {
      reject(new CniError(cniCodes.failed, `${type}: ${error.message}`, { cause: error }));
    });
    child.once('close', (code) => {
      if (code === 0) resolve(output.stdout);
      else reject(failureOf(type, code, output.stdout, output.stderr));
    });
    child.stdin.on('error', () => undefined); // a plug-in need not read its input
    child.stdin.end(JSON.stringify(document));
  });
}

/** Has another IPAM plug-in give addresses. */
export async function delegateAdd(delegation: Omit<Delegation, 'command'>): Promise<Result> {
  const path = findPlugin(delegation.type, delegation.pluginPath);
  const stdout = await runPlugin(path, { ...delegation, command: 'ADD' });
  try {
    return parseResult(JSON.parse(stdout), `the result of ${delegation.type}`);
  } catch (error) {
    if (error instanceof CniError) throw error;
    throw new CniError(cniCodes.decodingFailure, `the result of ${delegation.type} is not JSON`, { cause: error });
  }
}

/** Passes a command that has no result to another IPAM plug-in. */
export async function delegate(delegation: Delegation): Promise<void> {
  await runPlugin(findPlugin(delegation.type, delegation.pluginPath), delegation);
}
