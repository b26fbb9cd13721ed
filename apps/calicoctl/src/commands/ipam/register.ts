import type { Command } from 'commander';
import type { Io } from '../../io.ts';
import { withConfig } from '../config-option.ts';

/** `calicoctl ipam`. */
export function addIpamCommands(program: Command, io: Io): void {
  const ipam = program.command('ipam').description('look into and change IP address management');
  withConfig(ipam.command('show').description('how many addresses are in use, and by whom'))
    .option('--ip <address>', 'what one address is used for')
    .option('--show-blocks', 'each block too')
    .option('--show-borrowed', "addresses used on another node than their block's")
    .option('--show-configuration', 'the settings')
    .action(async (_options, command: Command) => {
      const { ipamShow } = await import('./show.ts');
      await ipamShow(command.optsWithGlobals(), io);
    });
  withConfig(ipam.command('check').description('compare addresses in use with those allocated; changes nothing'))
    .option('--show-all-ips', 'list every address that is checked')
    .option('--show-problem-ips', 'list addresses with problems')
    .option('-o, --output <file>', 'write a report that `ipam release` can read')
    .option(
      '--kubeconfig <file>',
      'ask this Kubernetes API for the addresses of services (default: KUBECONFIG; neither: they are not checked)',
    )
    .action(async (_options, command: Command) => {
      const { ipamCheck } = await import('./check.ts');
      await ipamCheck(command.optsWithGlobals(), io);
    });
  withConfig(ipam.command('release').description('free an address, or those that reports of `ipam check` call leaked'))
    .option('--ip <address>', 'the address')
    .option(
      '--from-report <file>',
      'free what is leaked in this report and all others given; one at least must be new',
      (file: string, others: readonly string[] | undefined) => [...(others ?? []), file],
    )
    .option('--force', "go on with an unlocked datastore, or another calicoctl's report")
    .action(async (_options, command: Command) => {
      const { ipamRelease } = await import('./release.ts');
      await ipamRelease(command.optsWithGlobals(), io);
    });
  withConfig(ipam.command('configure').description('change the settings'))
    .option('--strictaffinity <boolean>', "use only blocks of the node's own: true or false")
    .option('--max-blocks-per-host <number>', 'how many blocks a node may have; 0 for 20')
    .option('--kubevirt-ip-persistence <mode>', 'whether KubeVirt machines keep their addresses: Enabled or Disabled')
    .option('--ip-cooldown-seconds <number>', 'how long a released address rests before it is given again; -1 for none')
    .action(async (_options, command: Command) => {
      const { ipamConfigure } = await import('./configure.ts');
      await ipamConfigure(command.optsWithGlobals(), io);
    });
  withConfig(
    ipam.command('split').description('split a pool into smaller ones of equal size; lock the datastore first'),
  )
    .argument('<number>', 'how many; a power of two')
    .option('--cidr <cidr>', "the pool's network")
    .option('--name <name>', "the pool's name")
    .action(async (number: string, _options: unknown, command: Command) => {
      const { ipamSplit } = await import('./split.ts');
      await ipamSplit({ ...command.optsWithGlobals(), number }, io);
    });
}
