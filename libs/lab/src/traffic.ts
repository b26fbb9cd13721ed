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

/** Pings 100 times a second. */
export function startPing(state: LabState, from: Workload, to: Workload): Traffic<PingCounts> {
  const child = start(state, from, 'ping', ['-q', '-i', '0.01', '-W', '2', addressOf(to)]);
  const output = collect(child);
  return {
    stop: async () => {
      const text = await finish(child, 'SIGINT', output);
      const counts = /(\d+) packets transmitted, (\d+) received/.exec(text);
      if (counts === null) throw new Error(`ping said: ${text}`);
      return { sent: Number(counts[1]), received: Number(counts[2]) };
    },
  };
}

/** One TCP connection that carries 200 numbered records a second, there and back. */
export function startStream(state: LabState, from: Workload, to: Workload): Traffic<StreamCounts> {
  const child = start(state, from, nodeBinary, [workloadProgram, 'stream', String(workloadPort), addressOf(to)]);
  const output = collect(child);
  return { stop: async () => JSON.parse(await finish(child, 'SIGTERM', output)) as StreamCounts };
}
