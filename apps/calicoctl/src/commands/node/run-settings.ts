import { accessSync, constants } from 'node:fs';
import { lookup } from 'node:dns/promises';
import { hostname } from 'node:os';
import { familyOf, NetParseError, parseAsn, tryParseIp, type Family } from '@calico-node/net';
import { CommandError, type Io } from '../../io.ts';
import { checkMethod } from './autodetection-method.ts';
import { isCalicoImage, type RunSettings } from './docker-command.ts';
import { readEtcdAccess } from './etcd-access.ts';

/** The flags of `node run`. */
export interface NodeRunOptions {
  readonly config?: string;
  readonly name?: string;
  readonly as?: string;
  readonly ip?: string;
  readonly ip6?: string;
  readonly ipAutodetectionMethod: string;
  readonly ip6AutodetectionMethod: string;
  readonly logDir: string;
  readonly nodeImage: string;
  readonly backend: string;
  readonly dryrun?: boolean;
  readonly initSystem?: boolean;
  /** False with `--no-default-ippools`. */
  readonly defaultIppools?: boolean;
  readonly felixConfig?: string;
}

const DEFAULT_CONFIG_FILE = '/etc/calico/calicoctl.cfg';

/** Checks every flag and reads the configuration of etcd. @throws CommandError */
export async function readRunSettings(options: NodeRunOptions, io: Io): Promise<RunSettings> {
  checkAddress(options.ip, 4, '--ip');
  checkAddress(options.ip6, 6, '--ip6');
  if (!['bird', 'native', 'none'].includes(options.backend)) {
    throw refusal(`unknown backend '${options.backend}'`);
  }
  if (options.backend === 'native' && isCalicoImage(options.nodeImage)) {
    throw refusal(`${options.nodeImage} has no backend 'native': give bird or none`);
  }
  await checkAutodetection(options.ipAutodetectionMethod, 4);
  await checkAutodetection(options.ip6AutodetectionMethod, 6);
  return {
    name: options.name ?? hostname().trim().toLowerCase(),
    ip: options.ip,
    ip6: options.ip6,
    asNumber: options.as === undefined ? undefined : asNumberOf(options.as),
    ipMethod: options.ipAutodetectionMethod,
    ip6Method: options.ip6AutodetectionMethod,
    logDir: options.logDir,
    image: options.nodeImage,
    backend: options.backend,
    isInitSystem: options.initSystem === true,
    hasDefaultPools: options.defaultIppools !== false,
    felixConfig: options.felixConfig,
    etcd: readEtcdAccess(configFileOf(options.config), io),
  };
}

function checkAddress(text: string | undefined, family: Family, flag: string): void {
  if (text === undefined || text === 'autodetect') return;
  const ip = tryParseIp(text);
  if (ip === undefined) throw refusal(`invalid IP address specified: ${text}`);
  if (familyOf(ip) !== family) throw refusal(`${flag} is wrong IP version`);
}

/** Images take no dotted notation. */
function asNumberOf(text: string): string {
  try {
    return String(parseAsn(text));
  } catch (error) {
    if (!(error instanceof NetParseError)) throw error;
    throw refusal(`invalid AS Number specified: ${text}`);
  }
}

async function checkAutodetection(method: string, family: Family): Promise<void> {
  const result = checkMethod(method);
  if (result === undefined) return;
  if ('complaint' in result) throw refusal(result.complaint);
  const { host } = result;
  let addresses: readonly { readonly family: number }[];
  try {
    addresses = await lookup(host, { all: true });
  } catch {
    throw refusal(`cannot resolve address specified for IP autodetection: ${host}`);
  }
  if (addresses.some((address) => address.family === family)) return;
  throw refusal(`address for IP autodetection does not resolve to an IPv${family} address: ${host}`);
}

/** The default file counts only where it can be read. */
function configFileOf(file = DEFAULT_CONFIG_FILE): string | undefined {
  try {
    accessSync(file, constants.R_OK);
    return file;
  } catch {
    if (file === DEFAULT_CONFIG_FILE) return undefined;
    throw new CommandError(`Error reading config file: ${file}`);
  }
}

function refusal(message: string): CommandError {
  return new CommandError(`error executing command: ${message}`);
}
