import type { Command } from 'commander';

/** The option of every command that reaches the datastore. */
export function withConfig(command: Command): Command {
  return command.option('-c, --config <file>', 'connection configuration (default: /etc/calico/calicoctl.cfg)');
}
