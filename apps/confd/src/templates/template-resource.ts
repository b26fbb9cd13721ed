import { readTomlTable, TomlError, type TomlValue } from './toml.ts';

/** One of confd's template resources, a file in `conf.d`: what is rendered to where, and what is run for it. */
export interface TemplateResource {
  /** The template's name in the directory of templates. */
  readonly src: string;
  /** The path of the file that is written. */
  readonly dest: string;
  /** What of the store's view the template sees; prefixes, with `prefix` before them. */
  readonly keys: readonly string[];
  /** What is cut from the keys. */
  readonly prefix: string;
  /** Permissions, octal in the file. */
  readonly mode: number | undefined;
  /** Who the file belongs to, by number; -1: confd itself. */
  readonly uid: number;
  readonly gid: number;
  /** Shell command that must succeed before the file is replaced; `{{.src}}` is the staged file. */
  readonly checkCommand: string;
  /** Shell command after the file was replaced. */
  readonly reloadCommand: string;
}

/** The kernel's largest user or group. */
const MAX_ID = 0xffff_fffe;

/** Reads a template resource for a node, whose name takes the place of `NODENAME`. @throws TomlError */
export function readTemplateResource(toml: string, nodeName: string): TemplateResource {
  const values = readTomlTable(toml, 'template');
  const fail = (message: string): TomlError => new TomlError(toml, 0, message);
  const textOf = (name: string): string => {
    const value: TomlValue = values.get(name) ?? '';
    if (typeof value !== 'string') throw fail(`${name} must be text`);
    return value;
  };
  const idOf = (name: string): number => {
    const value: TomlValue = values.get(name) ?? -1;
    if (typeof value !== 'number' || value < -1 || value > MAX_ID) throw fail(`${name} must be a number`);
    return value;
  };
  const keys: TomlValue = values.get('keys') ?? [];
  if (typeof keys !== 'object') throw fail('keys must be a list');
  const [src, dest] = [textOf('src'), textOf('dest')];
  if (src === '' || dest === '') throw fail(`[template] has no ${src === '' ? 'src' : 'dest'}`);
  const mode = textOf('mode');
  if (!/^(0[0-7]{1,4})?$/.test(mode)) throw fail(`mode "${mode}" is not octal`);
  const named = (path: string): string => path.replaceAll(/\/+NODENAME(?=\/|$)/g, `/${nodeName}`);
  return {
    src,
    dest,
    keys: keys.map(named),
    prefix: named(textOf('prefix')).replace(/^\/?/, '/').replace(/\/+$/, ''),
    mode: mode === '' ? undefined : Number.parseInt(mode, 8),
    uid: idOf('uid'),
    gid: idOf('gid'),
    checkCommand: textOf('check_cmd'),
    reloadCommand: textOf('reload_cmd'),
  };
}

/** The keys of a view that a template sees, as it sees them: without the prefix. */
export function visibleKeys(
  { keys, prefix }: TemplateResource,
  view: ReadonlyMap<string, string>,
): Map<string, string> {
  const wanted = keys.map((key) => `${prefix}/${key}`.replaceAll(/\/+/g, '/').replace(/\/$/, ''));
  const visible = [...view].filter(([key]) => wanted.some((start) => key === start || key.startsWith(`${start}/`)));
  return new Map(visible.map(([key, value]) => [key.slice(key.startsWith(`${prefix}/`) ? prefix.length : 0), value]));
}
