/** What every way of running the image gives it, checked by manifests.test.ts wherever it stands. */
export const capabilities = ['NET_ADMIN', 'NET_RAW', 'NET_BIND_SERVICE', 'SYS_ADMIN'] as const;

/** Where the image expects what it shares with its host. */
export const hostMounts = {
  '/var/run/calico': '/var/run/calico',
  '/var/lib/calico': '/var/lib/calico',
  '/run/netns': '/run/netns',
  '/host/proc/sys/net': '/proc/sys/net',
} as const;
