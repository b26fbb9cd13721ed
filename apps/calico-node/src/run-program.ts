import { spawn } from 'node:child_process';
import type { ComponentSpec } from './supervisor/component.ts';

/** Runs a program in the foreground with our own standard streams; gives its exit code. Signals are passed on. */
export function runProgram(spec: ComponentSpec, extraArgs: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(spec.command, [...spec.args, ...extraArgs], {
      argv0: spec.argv0,
      env: spec.env,
      stdio: 'inherit',
    });
    const forward = (signal: NodeJS.Signals): void => {
      child.kill(signal);
    };
    process.on('SIGTERM', forward).on('SIGINT', forward);
    child.once('error', reject);
    child.once('exit', (code) => {
      process.removeListener('SIGTERM', forward).removeListener('SIGINT', forward);
      resolve(code ?? 1);
    });
  });
}
