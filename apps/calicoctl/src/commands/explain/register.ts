import type { Command } from 'commander';
import type { Io } from '../../io.ts';
import { withConfig } from '../config-option.ts';
import { withAnswerFormat, type AnswerFormat } from './answer-format.ts';

/** `calicoctl explain`. */
export function addExplainCommands(program: Command, io: Io): void {
  const explain = program.command('explain').description('why a connection passes or not; asks the Felix of this node');
  withAnswerFormat(
    withConfig(explain.command('flow'))
      .description('whether a new connection between two ends gets through, tier by tier')
      .requiredOption(
        '--from <end>',
        'an address, an endpoint ([<namespace>/]<workload or name>) or a node; :<port> may follow, behind [] of IPv6',
      )
      .requiredOption('--to <end>', 'as --from')
      .option('--port <number>', 'the destination port')
      .option('--source-port <number>', 'the source port (default: one of a client)')
      .option('--protocol <protocol>', 'TCP, UDP, SCTP, ICMP, ICMPv6, UDPLite or a number', 'TCP')
      .option('--icmp-type <number>', 'the type, for ICMP and ICMPv6 (default: echo request)')
      .option('--icmp-code <number>', 'the code, for ICMP and ICMPv6 (default: 0)')
      .option(
        '--verify',
        'put a packet of the flow through the packet filters of this node, and tell what they did to it',
      ),
  ).action(async (_options, command: Command) => {
    const { explainFlow } = await import('./flow.ts');
    await explainFlow(command.optsWithGlobals(), io);
  });
  withAnswerFormat(
    explain
      .command('endpoint')
      .description(
        'the state of an endpoint of this node, the policy that applies to it, and what the kernel lacks of it',
      )
      .argument('<name>', "[<namespace>/]<workload or name>, its interface's name, or a host endpoint's"),
  ).action(async (name: string, options: { readonly output: AnswerFormat }) => {
    const { explainEndpoint } = await import('./endpoint.ts');
    await explainEndpoint(name, options.output, io);
  });
  withAnswerFormat(
    withConfig(
      explain
        .command('route')
        .description('which route the kernel of this node has for an address, and who is behind the address')
        .argument('<address>', 'an address, a network (then its first address), or the name of an endpoint or a node'),
    ),
  ).action(async (address: string, _options, command: Command) => {
    const { explainRoute } = await import('./route.ts');
    await explainRoute(address, command.optsWithGlobals(), io);
  });
}
