import type { Command } from 'commander';
import type { Io } from '../../io.ts';
import { withConfig } from '../config-option.ts';

/** `calicoctl workload`: for whoever has no orchestrator. */
export function addWorkloadCommands(program: Command, io: Io): void {
  const workload = program
    .command('workload')
    .description('attach network namespaces, processes and virtual machines of this node, without an orchestrator');
  withIdentity(workload.command('add <name>').description('attach a workload to the network, with an address'))
    .option('--netns <name-or-path>', 'a network namespace, as `ip netns` has it or by its path')
    .option('--pid <pid>', 'the network namespace of a process')
    .option('--tap <device>', "a virtual machine's tap device")
    .option('--ip <address>', 'this address, instead of any; may be repeated', each)
    .option(
      '--pool <name>',
      'an address of this IP pool, by name or network (default: of any IPv4 pool); may be repeated',
      each,
    )
    .option('--ipv6', 'an IPv6 address too')
    .option('--label <key=value>', 'a label, for policy; may be repeated', each)
    .option('--network <name>', 'whose members reach one another, and are reached by nobody else (default: workloads)')
    .option('--profile <name>', 'a profile that exists, instead of a network; may be repeated', each)
    .option('--mac <address>', "the virtual machine's own hardware address")
    .option('--mtu <bytes>', "the interface's MTU (default: the node's)")
    .option('--timeout <seconds>', 'how long its policy may take to be in the kernel; 0: do not wait', '10')
    .action(async (name: string, _options: unknown, command: Command) => {
      const { workloadAdd } = await import('./add.ts');
      await workloadAdd({ ...command.optsWithGlobals(), name }, io);
    });
  withIdentity(workload.command('delete <name>').description('detach a workload, and give its addresses back')).action(
    async (name: string, _options: unknown, command: Command) => {
      const { workloadDelete } = await import('./delete.ts');
      await workloadDelete({ ...command.optsWithGlobals(), name }, io);
    },
  );
  withConfig(workload.command('list').description('the workloads attached so, on all nodes')).action(
    async (_options: unknown, command: Command) => {
      const { workloadList } = await import('./list.ts');
      await workloadList(command.optsWithGlobals(), io);
    },
  );
}

/** Collects an option that may be repeated. */
function each(value: string, others: readonly string[] | undefined): readonly string[] {
  return [...(others ?? []), value];
}

function withIdentity(command: Command): Command {
  return withConfig(command)
    .option('-n, --namespace <namespace>', 'its namespace', 'default')
    .option('--interface <name>', "the interface's name within it", 'eth0')
    .option('--node-name <name>', "this node (default: NODENAME, the node's own file, the host name)");
}
