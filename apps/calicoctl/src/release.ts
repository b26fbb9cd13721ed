/** A Calico version as it is compared: with a leading `v`, without what follows the first `-`. */
export function comparableVersion(version: string): string {
  const [release = ''] = version.split('-', 1);
  return release.startsWith('v') ? release : `v${release}`;
}
