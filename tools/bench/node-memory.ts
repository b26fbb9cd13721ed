/**
 * What an idle node holds in memory: one node of a lab of containers, with the image's own settings, started and left
 * alone; then the proportional set size (PSS) of each of its processes, in which a page that several share counts once
 * in all.
 *
 * Usage: node tools/bench/node-memory.ts [SECONDS IDLE] [SAMPLES]; after `make build`, as root; needs Docker's engine.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { containerProblem, ContainerLab, prepareNodeImage } from '../../libs/lab/src/containers/index.ts';
import { waitForNode } from '../../libs/lab/src/index.ts';

const secondsIdle = Number(process.argv[2] ?? 30);
const samples = Number(process.argv[3] ?? 3);
/** What all processes of an idle node may hold. */
const goalMiB = 250;

interface Process {
  readonly name: string;
  readonly pssKiB: number;
  readonly anonymousKiB: number;
}

/** Prints a process a line: its name, its PSS and the part of that which no file backs. The shell leaves itself out. */
const script = `for dir in /proc/[0-9]*; do
  case $(readlink $dir/exe) in */node) ;; *) continue ;; esac
  echo "$(tr '\\0' ' ' <$dir/cmdline | sed 's/ .*//; s/.*\\///') $(awk '/^Pss:/ { p = $2 } /^Pss_Anon:/ { a = $2 } END { print p, a }' $dir/smaps_rollup)"
done`;

function parse(output: string): readonly Process[] {
  return output.split('\n').map((line) => {
    const [name = '', pss, anonymous] = line.split(' ');
    return { name: name === 'node' ? 'calico-node' : name, pssKiB: Number(pss), anonymousKiB: Number(anonymous) };
  });
}

const problem = (await containerProblem()) ?? (await prepareNodeImage());
if (problem !== undefined) {
  console.error(`node-memory: ${problem}`);
  process.exit(1);
}

const taken: (readonly Process[])[] = [];
{
  await using lab = await ContainerLab.start({ name: 'memory', nodes: 1 });
  const { plan } = lab.state;
  const [node] = plan.nodes;
  if (node === undefined) throw new Error('the lab has no node');
  for (let sample = 0; sample < samples; sample += 1) {
    await lab.startNode(node);
    await waitForNode(plan, node);
    await delay(secondsIdle * 1000);
    taken.push(parse(await lab.inNode(node, 'sh', '-c', script)));
  }
}

const sum = (processes: readonly Process[]): number => processes.reduce((total, { pssKiB }) => total + pssKiB, 0);
const toMiB = (kib: number): number => Math.round((kib / 1024) * 10) / 10;
const median = taken.toSorted((a, b) => sum(a) - sum(b))[samples >> 1] ?? [];

console.log(`an idle node after ${secondsIdle} s, the median of ${samples}; MiB`);
console.log('process              PSS   of that anonymous');
for (const { name, pssKiB, anonymousKiB } of median) {
  console.log(
    `${name.padEnd(20)}${toMiB(pssKiB).toFixed(1).padStart(5)}  ${toMiB(anonymousKiB).toFixed(1).padStart(17)}`,
  );
}
console.log(`${'all'.padEnd(20)}${toMiB(sum(median)).toFixed(1).padStart(5)}   (goal: ${goalMiB})`);
console.log(
  JSON.stringify({
    secondsIdle,
    totalsMiB: taken.map((processes) => toMiB(sum(processes))),
    processes: Object.fromEntries(median.map(({ name, pssKiB }) => [name, toMiB(pssKiB)])),
    goalMiB,
    isWithinGoal: toMiB(sum(median)) <= goalMiB,
  }),
);
