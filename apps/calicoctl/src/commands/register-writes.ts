import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { inputOptions, withImpact, withInput, withNamespace } from './options.ts';

const DRY_RUN = ['--dry-run', 'say what would change, resource by resource, and write nothing'] as const;

/** The commands that take resources from files: `create`, `apply`, `replace`, `import`, `diff`, `validate`. */
export function addWriteCommands(program: Command, io: Io): void {
  withImpact(withInput(withNamespace(program.command('create').description('create resources'))))
    .option('--skip-exists', 'leave resources that exist as they are')
    .option(...DRY_RUN)
    .action(async (_options, command: Command) => {
      const { create } = await import('./write.ts');
      await create(inputOptions(command), io);
    });
  withImpact(
    withInput(withNamespace(program.command('apply').description('create resources, or update those that exist'))),
  )
    .option(...DRY_RUN)
    .action(async (_options, command: Command) => {
      const { apply } = await import('./write.ts');
      await apply(inputOptions(command), io);
    });
  withImpact(withInput(withNamespace(program.command('replace').description('update resources'))))
    .option(...DRY_RUN)
    .action(async (_options, command: Command) => {
      const { replace } = await import('./write.ts');
      await replace(inputOptions(command), io);
    });
  withImpact(withInput(withNamespace(program.command('import').description('write what export printed'))))
    .option('--skip-exists', 'leave resources that exist as they are')
    .option(...DRY_RUN)
    .action(async (_options, command: Command) => {
      const { importResources } = await import('./write.ts');
      await importResources(inputOptions(command), io);
    });
  withInput(
    withNamespace(program.command('diff').description('print what apply would change; exit code 1 if anything')),
  ).action(async (_options, command: Command) => {
    const { diff } = await import('./diff.ts');
    await diff(inputOptions(command), io);
  });
  withInput(program.command('validate').description('check resources without a datastore')).action(
    async (_options, command: Command) => {
      const { validate } = await import('./validate.ts');
      await validate(inputOptions(command), io);
    },
  );
}
