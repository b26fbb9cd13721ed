import { ConfigError } from '@calico-node/service';
import type { Family } from '@calico-node/net';
import type { Detection } from './autodetect.ts';
import type { AddressDecision } from './node-resource.ts';
import type { AddressSetting } from './variables.ts';

export interface AddressQuestion {
  readonly family: Family;
  readonly setting: AddressSetting;
  readonly hasStored: boolean;
}

/** Whether the address has to be looked for: `autodetect`, and for IPv4 also nothing said and nothing stored. */
export function needsDetection({ family, setting, hasStored }: AddressQuestion): boolean {
  return setting.kind === 'autodetect' || (setting.kind === 'unset' && family === 4 && !hasStored);
}

/**
 * What becomes of the node's address of one family. `look` is called at most once: for the method's choice
 * when {@link needsDetection}, and for the interface of a setting that has no prefix length.
 *
 * @throws ConfigError when an address is needed, none is found and none is stored.
 */
export function decideAddress(question: AddressQuestion, look: Detection | undefined): AddressDecision {
  const { family, setting, hasStored } = question;
  const variable = family === 4 ? 'IP' : 'IP6';
  if (setting.kind === 'address') {
    const found = look?.found === true ? look.address.prefixLength : undefined;
    const prefixLength = setting.prefixLength ?? found ?? (family === 4 ? 32 : 128);
    return { kind: 'set', address: `${setting.ip}/${prefixLength}`, isDetected: false };
  }
  if (!needsDetection(question)) return { kind: 'keep' };
  if (look?.found === true) {
    return { kind: 'set', address: `${look.address.ip}/${look.address.prefixLength}`, isDetected: true };
  }
  if (hasStored) return { kind: 'keep' };
  throw new ConfigError(
    `${variable}: nothing is started <- no IPv${family} address found <- ${look?.reason ?? 'not looked for'}; ` +
      `set ${variable} to the node's address, or choose another method with ${variable}_AUTODETECTION_METHOD`,
  );
}
