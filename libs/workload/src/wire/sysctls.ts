import { inNetns, readSysctl, writeSysctl, type Netns } from '@calico-node/netlink';

/** A value to be set; `isOptional` where a kernel without it, or one that refuses, will do. */
export interface Setting {
  readonly name: string;
  readonly value: string;
  readonly isOptional?: boolean;
}

function isAlready({ name, value }: Setting): boolean {
  try {
    return readSysctl(name) === value;
  } catch {
    return false;
  }
}

/** Applies settings in order. A read-only /proc/sys is no error where the value is already right. */
export function applySettings(settings: readonly Setting[], netns?: Netns): void {
  if (settings.length === 0) return;
  const apply = (): void => {
    for (const setting of settings) {
      try {
        writeSysctl(setting.name, setting.value);
      } catch (error) {
        if (setting.isOptional !== true && !isAlready(setting)) throw error;
      }
    }
  };
  if (netns === undefined) apply();
  else inNetns(netns, apply);
}

/** What the host's side needs before it comes up, beyond what netlink can set. Felix keeps it so. */
export function hostSettings(name: string, families: { readonly ipv4: boolean; readonly ipv6: boolean }): Setting[] {
  const ipv4: Setting[] = [{ name: `net/ipv4/neigh/${name}/proxy_delay`, value: '0', isOptional: true }];
  const ipv6: Setting[] = [
    { name: `net/ipv6/conf/${name}/disable_ipv6`, value: '0' },
    { name: `net/ipv6/conf/${name}/accept_dad`, value: '0' },
    { name: `net/ipv6/conf/${name}/proxy_ndp`, value: '1' },
    { name: `net/ipv6/conf/${name}/forwarding`, value: '1' },
  ];
  return [
    ...(families.ipv4 ? ipv4 : []),
    ...(families.ipv6 ? ipv6 : []),
    { name: `net/ipv6/conf/${name}/accept_ra`, value: '0', isOptional: true },
  ];
}

/** What the workload's namespace needs before its interface comes up. */
export function workloadSettingsBeforeUp(name: string, hasIpv6: boolean): Setting[] {
  if (!hasIpv6) return [];
  return [
    ...['all', 'default', 'lo', name].map((device) => ({ name: `net/ipv6/conf/${device}/disable_ipv6`, value: '0' })),
    { name: `net/ipv6/conf/${name}/accept_dad`, value: '0' },
  ];
}

/** Whether the workload may forward packets between its interfaces. */
export function forwardingSettings(
  families: { readonly ipv4: boolean; readonly ipv6: boolean },
  forwards: boolean,
): Setting[] {
  const value = forwards ? '1' : '0';
  return [
    ...(families.ipv4 ? [{ name: 'net/ipv4/ip_forward', value }] : []),
    ...(families.ipv6 ? [{ name: 'net/ipv6/conf/all/forwarding', value }] : []),
  ];
}
