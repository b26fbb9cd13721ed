import type { ComponentPhase } from './component.ts';

const remedies: readonly (readonly [sign: RegExp, remedy: string])[] = [
  [
    /EPERM|EACCES|not permitted|permission denied/i,
    'run it as root, in a container with NET_ADMIN, NET_RAW, NET_BIND_SERVICE and SYS_ADMIN',
  ],
  [/nobody serves|no answer|connect ENOENT/, 'it starts, or hangs: its log lines tell; SIGUSR2 makes it say more'],
  [/ENOENT/, 'install the program or file that is named'],
  [
    /EADDRINUSE|address already in use/i,
    'stop the other program that listens there, or choose another port or CALICO_RUN_DIR',
  ],
  [/ENOSPC|no space left/i, 'make room on the file system'],
  [/ENOMEM|heap out of memory|SIGKILL/, 'look in dmesg for the out-of-memory killer, and give the node more memory'],
  [
    /etcd|datastore|reading the store/i,
    'check ETCD_ENDPOINTS and that etcd answers from this node; everything goes on when it does',
  ],
  [
    /not established|no session|sessions?/i,
    'calicoctl node status shows each session; TCP port 179 must be open both ways, and the address be one that neighbours reach (IP, IP_AUTODETECTION_METHOD)',
  ],
];

/** What the operator can do about a component's trouble; undefined when there is nothing to add to its words. */
export function remedyFor(reason: string, phase: ComponentPhase): string | undefined {
  const known = remedies.find(([sign]) => sign.test(reason))?.[1];
  if (phase !== 'crash-loop') return known;
  return known ?? 'its last words tell what is wrong; it is tried again every 5 s';
}
