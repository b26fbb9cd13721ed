import type { Command } from 'commander';
import type { Io } from '../../io.ts';
import { withConfig } from '../config-option.ts';

/** `calicoctl cluster`. */
export function addClusterCommands(program: Command, io: Io): void {
  const cluster = program.command('cluster').description('look into the cluster');
  withConfig(
    cluster
      .command('diags')
      .description('collect what the datastore holds, and the state of the nodes, into an archive in this directory'),
  )
    .option('--since <duration>', 'only logs newer than this: 30s, 10m, 5h')
    .option('--max-logs <number>', 'of how many nodes to collect details', '5')
    .option('--max-parallelism <number>', 'how many requests at once', '10')
    .option('--focus-nodes <nodes>', 'a list of nodes, with commas, to begin with')
    .option('--skip-temp-dir-cleanup', 'keep the directory that the archive is made of')
    .action(async (_options, command: Command) => {
      const { clusterDiags } = await import('./diags.ts');
      await clusterDiags(command.optsWithGlobals(), io);
    });
}
