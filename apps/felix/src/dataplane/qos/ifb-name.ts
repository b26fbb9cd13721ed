import { createHash } from 'node:crypto';

/** What the names of our `ifb` devices begin with: how they are known for ours. */
export const ifbPrefix = 'bwcali';
const NAME_BYTES = 15;

/** The device that what a workload sends passes through, named after the workload's interface as in Calico. */
export function ifbNameOf(interfaceName: string): string {
  const hash = createHash('sha512').update(interfaceName).digest('hex');
  return `${ifbPrefix}${hash}`.slice(0, NAME_BYTES);
}
