import { CniError, cniCodes } from './cni-error.ts';

/** The specification versions that both plug-ins speak, oldest first. */
export const supportedVersions = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
export type CniVersion = (typeof supportedVersions)[number];

/** The version of a configuration that names none (Calico's reading). */
export const implicitVersion: CniVersion = '0.2.0';
export const newestVersion: CniVersion = '1.1.0';

export function isSupportedVersion(text: unknown): text is CniVersion {
  return supportedVersions.some((version) => version === text);
}

/** Whether a version is `least` or later. */
export function isAtLeast(version: CniVersion, least: CniVersion): boolean {
  return supportedVersions.indexOf(version) >= supportedVersions.indexOf(least);
}

/**
 * The version that a configuration asks for.
 *
 * @throws CniError code 1 naming what is supported.
 */
export function negotiateVersion(requested: unknown): CniVersion {
  if (requested === undefined || requested === '') return implicitVersion;
  if (isSupportedVersion(requested)) return requested;
  throw new CniError(cniCodes.incompatibleVersion, `incompatible CNI version ${JSON.stringify(requested)}`, {
    details: `supported: ${supportedVersions.join(', ')}`,
  });
}

/** The answer to VERSION; echoes the version asked about when it is one we speak. */
export function renderVersion(requested: unknown): string {
  return JSON.stringify({
    cniVersion: isSupportedVersion(requested) ? requested : newestVersion,
    supportedVersions,
  });
}
