import { Option, type Command } from 'commander';
import { renderJson } from '../../output/json.ts';
import { renderYaml } from '../../output/yaml.ts';

/** How an answer is printed: for a reader, or for a program. */
export type AnswerFormat = 'text' | 'json' | 'yaml';

/** Gives the command `-o`. */
export function withAnswerFormat(command: Command): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'how the answer is printed').choices(['text', 'json', 'yaml']).default('text'),
  );
}

/** The answer as a program reads it: revisions are text, as in resources, and what is empty is left out. */
export function renderAnswer(format: 'json' | 'yaml', answer: object): string {
  const plain = plainOf(answer) ?? {};
  return format === 'json' ? `${renderJson(plain)}\n` : renderYaml(plain);
}

function plainOf(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value === '' || value === undefined) return undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(plainOf);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .map(([key, each]) => [key, plainOf(each)] as const)
    .filter(([, each]) => each !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
