import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodePaths, type NodePaths } from '@calico-node/service';
import type { LabPlan } from './topology.ts';

/** Every process of a lab carries this variable with the lab's name, so that `down` finds all of them. */
export const markerVariable = 'CALICO_LAB';

export interface Workload {
  readonly name: string;
  readonly node: string;
  readonly netns: string;
  readonly containerId: string;
  /** IP addresses without a prefix length. */
  readonly addresses: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** The process that listens on TCP 8080 inside. */
  readonly pid: number;
}

export interface LabState {
  readonly plan: LabPlan;
  readonly workloads: readonly Workload[];
}

const labsDir = '/run/calico-lab';

/** Where a lab keeps all of its files. */
export function labDir(name: string): string {
  return join(labsDir, name);
}

export function nodeDirs(
  lab: string,
  node: string,
): NodePaths & { readonly confDir: string; readonly logFile: string } {
  const base = join(labDir(lab), node);
  return {
    ...nodePaths({ CALICO_RUN_DIR: join(base, 'run'), CALICO_LIB_DIR: join(base, 'lib') }),
    confDir: join(base, 'net.d'),
    logFile: join(base, 'calico-node.log'),
  };
}

const stateFile = (name: string): string => join(labDir(name), 'state.json');

export function labExists(name: string): boolean {
  return existsSync(stateFile(name));
}

/** @throws Error when there is no such lab. */
export function readState(name: string): LabState {
  if (!labExists(name)) throw new Error(`there is no lab '${name}'; 'lab up --name ${name}' makes one`);
  return JSON.parse(readFileSync(stateFile(name), 'utf8')) as LabState;
}

export function writeState(state: LabState): void {
  const file = stateFile(state.plan.name);
  mkdirSync(labDir(state.plan.name), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.new`, JSON.stringify(state, undefined, 2), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
