import { join } from 'node:path';

/** The BIRDs of a node, one for IPv4 and one for IPv6. */
export const birdNames = ['bird', 'bird6'] as const;

export type BirdName = (typeof birdNames)[number];

/** The control socket of one of them, where Calico has it. */
export function birdSocket(runDir: string, name: BirdName): string {
  return join(runDir, `${name}.ctl`);
}
