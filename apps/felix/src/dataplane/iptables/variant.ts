import type { Family } from '@calico-node/net';

/** Which of the kernel's two interfaces iptables' programs use: ip_tables, or nf_tables. */
export type IptablesVariant = 'legacy' | 'nft';

/** From so many rules of the legacy kind on, nothing else is looked at. */
const MANY_RULES = 10;

/**
 * The variant that the host uses, as Felix finds it out (IptablesBackend `auto`): the one with more rules of both
 * families; legacy where they have as many, or legacy has ten.
 *
 * @param countRules rules of all tables of a variant, both families.
 */
export function detectVariant(countRules: (variant: IptablesVariant) => number): IptablesVariant {
  const legacy = countRules('legacy');
  if (legacy >= MANY_RULES) return 'legacy';
  return legacy >= countRules('nft') ? 'legacy' : 'nft';
}

/** `iptables-legacy-save`, `ip6tables-nft-restore`; the plain name where the host has no program of the variant's own. */
export function programName(
  variant: IptablesVariant,
  family: Family,
  program: 'save' | 'restore',
  exists: (name: string) => boolean,
): string {
  const base = family === 4 ? 'iptables' : 'ip6tables';
  const own = `${base}-${variant}-${program}`;
  return exists(own) ? own : `${base}-${program}`;
}
