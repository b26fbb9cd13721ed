import { readFileSync } from 'node:fs';

const ethernetMtu = 1500;

/** The MTU that Felix has written for the node's workloads; Ethernet's where there is none yet. */
export function readMtu(path: string): number {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch {
    return ethernetMtu;
  }
  const mtu = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return mtu >= 68 && mtu <= 65535 ? mtu : ethernetMtu;
}
