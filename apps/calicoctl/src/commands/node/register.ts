import { Option, type Command } from 'commander';
import type { Io } from '../../io.ts';
import { withConfig } from '../config-option.ts';
import { DEFAULT_IMAGE } from './default-image.ts';

const DEFAULT_LOG_DIR = '/var/log/calico';

/** `calicoctl node`. */
export function addNodeCommands(program: Command, io: Io): void {
  const node = program.command('node').description('run this node, and look into it');
  withConfig(node.command('run').description('run the node as a container; for etcd without Kubernetes'))
    .option('--name <name>', 'the name of the node (default: the host name)')
    .option('--as <number>', 'its AS number')
    .option('--ip <address>', 'its IPv4 address, or autodetect')
    .option('--ip6 <address>', 'its IPv6 address, or autodetect')
    .option(
      '--ip-autodetection-method <method>',
      'first-found, can-reach=DESTINATION, interface=REGEX,... or skip-interface=REGEX,...',
      'first-found',
    )
    .option('--ip6-autodetection-method <method>', 'as above, for IPv6', 'first-found')
    .option('--log-dir <directory>', 'where logs go', DEFAULT_LOG_DIR)
    .option('--node-image <image>', 'the container image', DEFAULT_IMAGE)
    .option('--backend <backend>', 'how routes are exchanged: bird, native (our own daemon) or none', 'bird')
    .option('--dryrun', 'print the command instead of running it')
    .option('--init-system', 'run in the foreground, for an init system that starts it again')
    .option('--no-default-ippools', 'create no pools in an empty datastore')
    .option('--felix-config <file>', "Felix's configuration file")
    .action(async (_options, command: Command) => {
      const { nodeRun } = await import('./run.ts');
      await nodeRun(command.optsWithGlobals(), io);
    });
  node
    .command('status')
    .description("whether this node's processes run, and its BGP sessions")
    .action(async () => {
      const { nodeStatus } = await import('./status.ts');
      await nodeStatus(io);
    });
  node
    .command('diags')
    .description("collect this node's state and logs into an archive, secrets left out")
    .option('--log-dir <directory>', "where Calico's logs are", DEFAULT_LOG_DIR)
    .action(async (_options, command: Command) => {
      const { nodeDiags } = await import('./diags.ts');
      await nodeDiags(command.optsWithGlobals(), io);
    });
  node
    .command('checksystem')
    .description('whether this host can run a node')
    .addOption(new Option('-f, --kernel-config <file>', "the kernel's configuration, as plain text"))
    .action(async (_options, command: Command) => {
      const { nodeChecksystem } = await import('./checksystem.ts');
      await nodeChecksystem(command.optsWithGlobals(), io);
    });
}
