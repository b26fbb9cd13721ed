import { Ipam } from '@calico-node/ipam';
import { encodeIpamConfig, type IpamConfig } from '@calico-node/model';
import { CommandError, type Io } from '../../io.ts';
import { withSession, type DatastoreOptions } from '../../session.ts';

export interface IpamConfigureOptions extends DatastoreOptions {
  readonly strictaffinity?: string;
  readonly maxBlocksPerHost?: string;
  readonly kubevirtIpPersistence?: string;
  readonly ipCooldownSeconds?: string;
}

/** `calicoctl ipam configure`: changes the settings that are given; writes nothing when none is another. */
export async function ipamConfigure(options: IpamConfigureOptions, io: Io): Promise<void> {
  const changes = readChanges(options);
  await withSession(options, io, async ({ backend }) => {
    const ipam = new Ipam(backend);
    const current = await ipam.config();
    const wanted = { ...current, ...changes };
    if (encodeIpamConfig(wanted) !== encodeIpamConfig(current)) await ipam.setConfig(wanted);
  });
  const said: readonly (readonly [string, string | number | boolean | undefined])[] = [
    ['StrictAffinity', changes.strict_affinity],
    ['MaxBlocksPerHost', changes.maxBlocksPerHost],
    ['KubeVirtVMAddressPersistence', changes.kubeVirtVMAddressPersistence],
    ['IPCooldownSeconds', changes.ipCooldownSeconds],
  ];
  for (const [name, value] of said) if (value !== undefined) io.out(`Successfully set ${name} to: ${String(value)}\n`);
}

function readChanges(options: IpamConfigureOptions): IpamConfig {
  const { strictaffinity, maxBlocksPerHost, kubevirtIpPersistence, ipCooldownSeconds } = options;
  const given = [strictaffinity, maxBlocksPerHost, kubevirtIpPersistence, ipCooldownSeconds];
  if (given.every((option) => option === undefined)) {
    throw new CommandError('at least one configuration option must be specified');
  }
  return {
    ...(strictaffinity === undefined ? {} : { strict_affinity: booleanOf(strictaffinity) }),
    ...(maxBlocksPerHost === undefined ? {} : { maxBlocksPerHost: countOf(maxBlocksPerHost) }),
    ...(kubevirtIpPersistence === undefined
      ? {}
      : { kubeVirtVMAddressPersistence: persistenceOf(kubevirtIpPersistence) }),
    ...(ipCooldownSeconds === undefined ? {} : { ipCooldownSeconds: secondsOf(ipCooldownSeconds) }),
  };
}

/** What Go's strconv.ParseBool takes. */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((text) => [text, false] as const),
]);

function booleanOf(text: string): boolean {
  const value = BOOLEANS.get(text);
  if (value !== undefined) return value;
  throw new CommandError('invalid value. Use true or false to set strictaffinity');
}

function countOf(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new CommandError('invalid value for --max-blocks-per-host. Use a valid number');
}

/** Upstream's -1 for none is stored as 0, which the store leaves out. */
function secondsOf(text: string): number {
  if (text === '-1') return 0;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new CommandError('invalid value for --ip-cooldown-seconds. Use a valid number, or -1 for none');
}

function persistenceOf(text: string): 'Enabled' | 'Disabled' {
  if (text === 'Enabled' || text === 'Disabled') return text;
  throw new CommandError('invalid value for --kubevirt-ip-persistence. Use Enabled or Disabled');
}
