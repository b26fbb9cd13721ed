import type { Command } from 'commander';
import type { Io } from '../../io.ts';
import { withConfig } from '../config-option.ts';

/** `calicoctl datastore`. */
export function addDatastoreCommands(program: Command, io: Io): void {
  const datastore = program.command('datastore').description('manage the datastore');
  const migrate = datastore.command('migrate').description('move the contents of a datastore into another');
  for (const verb of ['lock', 'unlock'] as const) {
    withConfig(
      migrate
        .command(verb)
        .description(`${verb} the datastore: nodes ${verb === 'lock' ? 'stop' : 'start'} taking changes`),
    ).action(async (_options, command: Command) => {
      const { setLock } = await import('./lock.ts');
      await setLock(verb, command.optsWithGlobals(), io);
    });
  }
  withConfig(
    migrate
      .command('export')
      .description('print a locked etcd datastore, except workload endpoints and profiles, for `import`'),
  )
    .option('--keep-node-names', 'for another etcd: keep the names that nodes have, instead of those in Kubernetes')
    .action(async (_options, command: Command) => {
      const { exportDatastore } = await import('./export.ts');
      await exportDatastore(command.optsWithGlobals(), io);
    });
  withConfig(migrate.command('import').description('fill an empty datastore with what `export` printed'))
    .requiredOption('-f, --filename <file>', 'the file, or - for standard input')
    .action(async (_options, command: Command) => {
      const { importDatastore } = await import('./import.ts');
      await importDatastore(command.optsWithGlobals(), io);
    });
  withConfig(
    datastore
      .command('migrate-policy-names')
      .description('store policies of releases before v3.32 under their own names; safe to repeat'),
  ).action(async (_options, command: Command) => {
    const { migratePolicyNames } = await import('./policy-names.ts');
    await migratePolicyNames(command.optsWithGlobals(), io);
  });
}
