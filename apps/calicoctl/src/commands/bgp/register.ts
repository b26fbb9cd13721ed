import type { Command } from 'commander';
import type { Io } from '../../io.ts';

/** `calicoctl bgp`: what this node's BGP daemon knows, our own or BIRD. */
export function addBgpCommands(program: Command, io: Io): void {
  const bgp = program.command('bgp').description("look into this node's BGP daemon");
  bgp
    .command('peers')
    .description('the sessions, and how many routes go over each')
    .action(async () => {
      const { bgpPeers } = await import('./show.ts');
      await bgpPeers(io);
    });
  bgp
    .command('routes')
    .description('all paths to all prefixes; * marks the best, s those kept for a peer that restarts')
    .option('--peer <name>', 'only those that this neighbour told, or kernel, or static', '')
    .action(async (options: { readonly peer: string }) => {
      const { bgpRoutes } = await import('./show.ts');
      await bgpRoutes(io, '', options.peer);
    });
  bgp
    .command('route <prefix>')
    .description('all paths to one prefix')
    .action(async (prefix: string) => {
      const { bgpRoutes } = await import('./show.ts');
      await bgpRoutes(io, prefix, '');
    });
  bgp
    .command('explain <prefix>')
    .description('why the best path to a prefix won, and why which peer is told of it or not')
    .action(async (prefix: string) => {
      const { bgpExplain } = await import('./show.ts');
      await bgpExplain(io, prefix);
    });
  bgp
    .command('dump <file>')
    .description('write the whole table to a file, as MRT (RFC 6396) for bgpdump and its like')
    .action(async (file: string) => {
      const { bgpDump } = await import('./dump.ts');
      await bgpDump(io, file);
    });
  bgp
    .command('shutdown <peer>')
    .description('end a session, named or by address, until it is reloaded or the daemon starts anew')
    .option('-m, --message <text>', "words for the other side's operator", '')
    .action(async (peer: string, options: { readonly message: string }) => {
      const { bgpShutdown } = await import('./control.ts');
      await bgpShutdown(io, peer, options.message);
    });
  bgp
    .command('reload [peer]')
    .description('have both sides tell their routes anew, of one session or all; start one that was shut down')
    .option('--hard', 'end the session and begin a new one', false)
    .action(async (peer: string | undefined, options: { readonly hard: boolean }) => {
      const { bgpReload } = await import('./control.ts');
      await bgpReload(io, peer ?? '', options.hard);
    });
}
