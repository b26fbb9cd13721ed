import type { Command } from 'commander';
import type { Io } from '../../io.ts';
import { withConfig } from '../config-option.ts';

/** `calicoctl explain`. */
export function addExplainCommands(program: Command, io: Io): void {
  const explain = program.command('explain').description('why a connection passes or not; asks the Felix of this node');
  explain
    .command('flow')
    .description('whether a new connection between two ends gets through, tier by tier')
    .requiredOption('--from <end>', 'an address, or a workload endpoint: [<namespace>/]<workload or name>')
    .requiredOption('--to <end>', 'as --from')
    .option('--port <number>', 'the destination port')
    .option('--source-port <number>', 'the source port (default: one of a client)')
    .option('--protocol <protocol>', 'TCP, UDP, SCTP, ICMP, ICMPv6, UDPLite or a number', 'TCP')
    .option('--icmp-type <number>', 'the type, for ICMP and ICMPv6', '8')
    .option('--icmp-code <number>', 'the code, for ICMP and ICMPv6', '0')
    .option(
      '--verify',
      'put a packet of the flow through the packet filters of this node, and tell what they did to it',
    )
    .action(async (_options, command: Command) => {
      const { explainFlow } = await import('./flow.ts');
      await explainFlow(command.opts(), io);
    });
  explain
    .command('endpoint')
    .description('the state of a workload endpoint of this node, and the policy that applies to it')
    .argument('<name>', '[<namespace>/]<workload>, or the name of its interface')
    .action(async (name: string) => {
      const { explainEndpoint } = await import('./endpoint.ts');
      await explainEndpoint(name, io);
    });
  withConfig(
    explain
      .command('route')
      .description('which route the kernel of this node has for an address, and who is behind the address')
      .argument('<address>', 'an address, or a network: then its first address'),
  ).action(async (address: string, _options, command: Command) => {
    const { explainRoute } = await import('./route.ts');
    await explainRoute(address, command.optsWithGlobals(), io);
  });
}
