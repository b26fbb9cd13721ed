import { type ChildProcess, spawn } from 'node:child_process';
import { nodeBinary, workloadProgram } from './programs.ts';
import { type LabState, markerVariable, type Workload } from './state.ts';
import { workloadPort } from './workload.ts';

/** Packets under way between two workloads, counted. */
export interface Traffic<Counts> {
  /** Ends it and gives the counts. */
  stop(): Promise<Counts>;
}

export interface PingCounts {
  readonly sent: number;
  readonly received: number;
}

export interface StreamCounts {
  readonly sent: number;
  readonly echoed: number;
  /** Records that came back out of order or changed. */
  readonly wrong: number;
  readonly longestGapMs: number;
  readonly error?: string;
}

function start(state: LabState, from: Workload, command: string, args: readonly string[]): ChildProcess {
  return spawn('nsenter', [`--net=/run/netns/${from.netns}`, '--', command, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], [markerVariable]: state.plan.name },
  });
}

/** Sends a signal and gives all that the process printed. */
function finish(child: ChildProcess, signal: NodeJS.Signals, output: readonly Buffer[]): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => {
      resolve(Buffer.concat(output).toString());
    });
    if (!child.kill(signal)) reject(new Error('the traffic had ended before it was stopped'));
  });
}

function collect(child: ChildProcess): Buffer[] {
  const output: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => output.push(chunk));
  return output;
}

function addressOf(workload: Workload): string {
  const [address] = workload.addresses;
  if (address === undefined) throw new Error(`${workload.name} has no address`);
  return address;
}

/**
 * Half a second of pings again and again, until SIGTERM: each round ends when its last request was answered, or 2 s after
 * it, so that none is counted while it is under way.
 */
const rounds = `trap 'stopped=1' TERM
until [ -n "$stopped" ]; do
  ping -q -c 50 -i 0.01 -W 2 "$0"
  [ $? -lt 2 ] || exit
done`;

/** Pings 100 times a second. What is counted as received by the end is all that was ever answered. */
export function startPing(state: LabState, from: Workload, to: Workload): Traffic<PingCounts> {
  const child = start(state, from, 'sh', ['-c', rounds, addressOf(to)]);
  const output = collect(child);
  return {
    stop: async () => {
      const text = await finish(child, 'SIGTERM', output);
      const counts = [...text.matchAll(/(\d+) packets transmitted, (\d+) received/g)];
      if (counts.length === 0) throw new Error(`ping said: ${text}`);
      const sum = (group: number): number => counts.reduce((total, match) => total + Number(match[group]), 0);
      return { sent: sum(1), received: sum(2) };
    },
  };
}

/** One TCP connection that carries 200 numbered records a second, there and back. */
export function startStream(state: LabState, from: Workload, to: Workload): Traffic<StreamCounts> {
  const child = start(state, from, nodeBinary, [workloadProgram, 'stream', String(workloadPort), addressOf(to)]);
  const output = collect(child);
  return { stop: async () => JSON.parse(await finish(child, 'SIGTERM', output)) as StreamCounts };
}
