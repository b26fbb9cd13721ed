import { runService } from '@calico-node/service';
import { runConfd } from './wire.ts';

await runService({
  name: 'confd',
  description: "keeps the node's BGP daemon configured as the store says",
  options: {
    'node-name': { type: 'string', value: 'NAME', env: 'NODENAME', help: 'the node to render for; default: host name' },
    socket: {
      type: 'string',
      value: 'PATH',
      env: 'CALICO_BGP_SOCKET',
      help: "the BGP daemon's socket; default: bgp.sock in CALICO_RUN_DIR",
    },
    onetime: { type: 'boolean', help: 'print the BGP configuration as JSON and exit' },
  },
  healthAddress: '127.0.0.1:9192',
  run: runConfd,
});
