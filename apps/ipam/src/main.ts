import { runService } from '@calico-node/service';
import { runIpam } from './wire.ts';

await runService({
  name: 'ipam',
  description: "gives addresses to the node's workloads, from Calico's pools and blocks",
  options: {
    'node-name': {
      type: 'string',
      value: 'NAME',
      env: 'NODENAME',
      help: 'the node whose blocks are used; default: the nodename file, then the host name',
    },
    socket: {
      type: 'string',
      value: 'PATH',
      env: 'CALICO_IPAM_SOCKET',
      help: 'where to serve; default: ipam.sock in CALICO_RUN_DIR',
    },
  },
  healthAddress: '127.0.0.1:9193',
  run: runIpam,
});
