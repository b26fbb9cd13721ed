/** What the options of `workload add` say. Pure; all throw CommandError. */
import { parseMac, tryParseIp, type IpAddress, type Mac } from '@calico-node/net';
import type { Target } from '@calico-node/workload';
import { CommandError } from '../../io.ts';

export interface TargetOptions {
  readonly netns?: string;
  readonly pid?: string;
  readonly tap?: string;
}

const longestName = 15;

/** What is to be attached: exactly one of the three. */
export function readTarget({ netns, pid, tap }: TargetOptions, mac: Mac | undefined): Target {
  const given = [netns, pid, tap].filter((option) => option !== undefined);
  if (given.length !== 1) {
    throw new CommandError('say what to attach: --netns <name or path>, --pid <process> or --tap <device>');
  }
  if (tap !== undefined) {
    if (!/^[^\s/]+$/.test(tap) || tap.length > longestName) throw new CommandError(`"${tap}" is no device's name`);
    return { type: 'tap', device: tap, mac };
  }
  if (mac !== undefined) throw new CommandError('--mac goes with --tap: other interfaces are made here');
  if (netns !== undefined) return { type: 'netns', path: netns.includes('/') ? netns : `/run/netns/${netns}` };
  if (!/^[1-9]\d{0,9}$/.test(pid ?? '')) throw new CommandError(`--pid: "${String(pid)}" is no process`);
  return { type: 'netns', path: `/proc/${String(pid)}/ns/net` };
}

export function readMac(text: string | undefined): Mac | undefined {
  if (text === undefined) return undefined;
  try {
    return parseMac(text);
  } catch (error) {
    throw new CommandError(`--mac: "${text}" is no hardware address`, { cause: error });
  }
}

/** `key=value` each; what the store does not take is refused when it is written. */
export function readLabels(texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf('=');
      if (at < 1) throw new CommandError(`--label: "${text}" is not key=value`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

export function readWantedIps(texts: readonly string[]): readonly IpAddress[] {
  return texts.map((text) => {
    const ip = tryParseIp(text);
    if (ip === undefined) throw new CommandError(`--ip: "${text}" is no address`);
    return ip;
  });
}

export function readMtu(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const mtu = /^\d{2,5}$/.test(text) ? Number(text) : 0;
  if (mtu < 68 || mtu > 65535) throw new CommandError(`--mtu: "${text}" is no MTU`);
  return mtu;
}

export function readSeconds(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new CommandError(`--timeout: "${text}" is no number of seconds`);
}

/** Who has interfaces of this name: Felix looks after those with its prefixes alone. */
export function requirePrefix(device: string, prefixes: readonly string[]): void {
  if (prefixes.some((prefix) => device.startsWith(prefix))) return;
  throw new CommandError(
    `Felix looks after interfaces whose names begin with ${prefixes.join(' or ')}, not after ${device}: ` +
      "name the device so, or add its name's start to interfacePrefix of the FelixConfiguration",
  );
}
