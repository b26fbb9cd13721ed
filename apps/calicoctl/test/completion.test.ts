import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest, startCli, type Cli } from './cli.ts';

const bin = join(import.meta.dirname, '../../../dist/bin');

let cli: Cli;

beforeAll(async () => {
  cli = await startCli();
  for (const name of ['pool-a', 'pool-b']) {
    const cidr = name === 'pool-a' ? '10.65.0.0/16' : '10.66.0.0/16';
    await cli.succeed('create -f -', manifest('IPPool', name, { cidr }));
  }
  mkdirSync(join(cli.directory, 'a-directory'));
});

afterAll(() => cli[Symbol.asyncDispose]());

function runShell(shell: string, args: readonly string[]): string {
  const PATH = [bin, cli.environment['PATH'] ?? ''].join(delimiter);
  const env = { ...cli.environment, PATH, HOME: cli.directory, ZDOTDIR: cli.directory, TERM: 'dumb' };
  return execFileSync(shell, args, { env, cwd: cli.directory, encoding: 'utf8', timeout: 20_000 });
}

/** What is missing for a shell's test; undefined for nothing. */
function lacks(shell: string): string | undefined {
  try {
    execFileSync(shell, ['-c', 'true'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return `needs ${shell}: apt-get install ${shell}`;
  }
}

describe('completion in bash', () => {
  /** Calls the function as readline does, with the cursor at the end. */
  const complete = (line: string): readonly string[] =>
    runShell('bash', [
      ...['--norc', '-c'],
      `source <(calicoctl completion bash)
      COMP_LINE=$1 COMP_POINT=\${#1}; read -ra COMP_WORDS <<< "$1"; [[ $1 == *' ' ]] && COMP_WORDS+=('')
      COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 )); _calicoctl 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`,
      ...['bash', line],
    ])
      .split('\n')
      .filter((word) => word !== '');

  it('gives commands, kinds, names, flags and files', () => {
    expect(complete('calicoctl ge')).toEqual(['get']);
    expect(complete('calicoctl get ippoo')).toEqual(['ippool']);
    expect(complete('calicoctl get ippool ')).toEqual(['pool-a', 'pool-b']);
    expect(complete('calicoctl get --all')).toEqual(['--all-namespaces', '--allow-version-mismatch']);
    expect(complete('calicoctl apply -f a-dir')).toEqual(['a-directory']);
  });
});

describe('completion in fish', () => {
  const complete = (line: string): readonly string[] =>
    runShell('fish', ['--no-config', '-c', 'calicoctl completion fish | source; complete -C "$argv[1]"', line])
      .split('\n')
      .filter((word) => word !== '');

  it('gives commands with what they do, kinds, names, flags and files', ({ skip }) => {
    skip(lacks('fish') !== undefined, lacks('fish'));
    expect(complete('calicoctl ge')).toEqual(['get\tprint resources']);
    expect(complete('calicoctl get ippoo')).toEqual(['ippool']);
    expect(complete('calicoctl get ippool ')).toEqual(['pool-a', 'pool-b']);
    expect(complete('calicoctl get --all-n')).toEqual(['--all-namespaces\tof all namespaces']);
    expect(complete('calicoctl apply -f a-dir')).toEqual(['a-directory/']);
  });
});

describe('completion in zsh', () => {
  /** What an interactive shell's line is after a tab, on a terminal of its own. */
  const complete = (line: string): string => {
    const shown = runShell('zsh', [
      ...['-f', '-c'],
      `zmodload zsh/zpty
      await() { local seen; zpty -r -m shell seen "*$1*" && print -r -- "$seen" }
      zpty shell zsh -f -i
      zpty -w shell 'PS1=; unsetopt beep zle_bracketed_paste; autoload -Uz compinit; compinit -u -D'
      zpty -w shell 'source <(calicoctl completion zsh)'
      zpty -w shell 'show() { print -r -- "<$BUFFER>"; zle kill-whole-line }; zle -N show; bindkey "^T" show; print rea""dy'
      await ready >/dev/null
      zpty -w -n shell "$1"$'\\t\\C-t'
      await '<*>'
      zpty -d shell`,
      ...['zsh', line],
    ]);
    return /<([^>]*)>/.exec(stripVTControlCharacters(shown))?.[1] ?? shown;
  };

  it('gives commands, kinds, names, flags and files', ({ skip }) => {
    skip(lacks('zsh') !== undefined, lacks('zsh'));
    expect(complete('calicoctl ge')).toBe('calicoctl get ');
    expect(complete('calicoctl get ippoo')).toBe('calicoctl get ippool ');
    expect(complete('calicoctl delete ippool po')).toContain('calicoctl delete ippool pool-');
    expect(complete('calicoctl get --all-n')).toBe('calicoctl get --all-namespaces ');
    expect(complete('calicoctl apply -f a-dir')).toBe('calicoctl apply -f a-directory/');
  });
});
