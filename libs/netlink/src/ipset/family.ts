import type { Family } from '@calico-node/net';

/** NFPROTO_IPV4 and NFPROTO_IPV6. */
export const familyNumber: Readonly<Record<Family, number>> = { 4: 2, 6: 10 };

export function familyOfNumber(number: number): Family | undefined {
  return number === familyNumber[4] ? 4 : number === familyNumber[6] ? 6 : undefined;
}
