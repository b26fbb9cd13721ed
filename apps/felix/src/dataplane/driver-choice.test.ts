import { expect, test } from 'vitest';
import { chooseDriver } from './driver-choice.ts';

test.each([
  ['Auto', 'auto', true, 'nftables'],
  ['Enabled', 'legacy', true, 'nftables'],
  ['Enabled', 'auto', false, 'nftables'],
  ['Auto', 'nft', false, 'nft'],
  ['Disabled', 'legacy', true, 'legacy'],
  ['Disabled', 'nft', true, 'nft'],
  ['Disabled', 'auto', true, 'legacy'],
] as const)('NFTablesMode %s and IptablesBackend %s, nf_tables in the kernel: %s', (mode, backend, has, expected) => {
  const probe = { hasNftables: () => has, countRules: (variant: string) => (variant === 'legacy' ? 10 : 20) };
  const choice = chooseDriver({ NFTablesMode: mode, IptablesBackend: backend }, probe);
  expect(choice.kind === 'nftables' ? choice.kind : choice.variant).toBe(expected);
});
