import { CniError, cniCodes } from './cni-error.ts';

export const commands = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION'] as const;
export type Command = (typeof commands)[number];

/** The parameters of a call on one attachment (ADD, DEL, CHECK). */
export interface Attachment {
  readonly containerId: string;
  /** Absolute path of the network namespace; empty on DEL when the runtime no longer has one. */
  readonly netns: string;
  readonly ifName: string;
  /** CNI_ARGS, unknown names included. */
  readonly args: ReadonlyMap<string, string>;
}

export type Environment =
  | {
      readonly command: 'ADD' | 'DEL' | 'CHECK';
      readonly attachment: Attachment;
      readonly pluginPath: readonly string[];
    }
  | { readonly command: 'GC' | 'STATUS'; readonly pluginPath: readonly string[] }
  | { readonly command: 'VERSION' };

type Variables = Readonly<Record<string, string | undefined>>;

const required = {
  ADD: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  DEL: ['CNI_CONTAINERID', 'CNI_IFNAME'],
  CHECK: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  GC: ['CNI_PATH'],
  STATUS: [],
  VERSION: [],
} as const satisfies Record<Command, readonly string[]>;

function invalid(message: string, details?: string): CniError {
  return new CniError(cniCodes.invalidEnvironment, message, details === undefined ? {} : { details });
}

function parseArgs(text: string): ReadonlyMap<string, string> {
  const args = new Map<string, string>();
  for (const pair of text.split(';')) {
    if (pair === '') continue;
    const split = pair.indexOf('=');
    if (split <= 0) throw invalid(`CNI_ARGS: '${pair}' is not KEY=VALUE`);
    args.set(pair.slice(0, split), pair.slice(split + 1));
  }
  return args;
}

/** The kernel's rule for interface names (`dev_valid_name`), which the specification adopts. */
function isInterfaceName(name: string): boolean {
  return new TextEncoder().encode(name).length <= 15 && name !== '.' && name !== '..' && !/[/:\s]/u.test(name);
}

function parseAttachment(variables: Variables): Attachment {
  const containerId = variables['CNI_CONTAINERID'] ?? '';
  const netns = variables['CNI_NETNS'] ?? '';
  const ifName = variables['CNI_IFNAME'] ?? '';
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(containerId)) {
    throw invalid(`CNI_CONTAINERID: '${containerId}' is not valid`, 'letters, digits, and after the first _ . -');
  }
  if (netns !== '' && !netns.startsWith('/')) throw invalid(`CNI_NETNS: '${netns}' is not an absolute path`);
  if (!isInterfaceName(ifName)) {
    throw invalid(`CNI_IFNAME: '${ifName}' is not an interface name`, 'at most 15 bytes, no / : or white space');
  }
  return { containerId, netns, ifName, args: parseArgs(variables['CNI_ARGS'] ?? '') };
}

/**
 * The CNI_* environment of one call.
 *
 * @throws CniError code 4 that names every missing variable, or the malformed one.
 */
export function parseEnvironment(variables: Variables): Environment {
  const command = commands.find((known) => known === variables['CNI_COMMAND']);
  if (command === undefined) {
    const given = variables['CNI_COMMAND'] ?? '';
    throw invalid(
      given === '' ? 'required environment variables missing: CNI_COMMAND' : `CNI_COMMAND: unknown command '${given}'`,
      `one of ${commands.join(', ')}`,
    );
  }
  const missing = required[command].filter((name) => (variables[name] ?? '') === '');
  if (missing.length > 0) throw invalid(`required environment variables missing: ${missing.join(', ')}`);
  const pluginPath = (variables['CNI_PATH'] ?? '').split(':').filter((directory) => directory !== '');
  switch (command) {
    case 'ADD':
    case 'DEL':
    case 'CHECK':
      return { command, attachment: parseAttachment(variables), pluginPath };
    case 'GC':
    case 'STATUS':
      return { command, pluginPath };
    case 'VERSION':
      return { command };
  }
}
