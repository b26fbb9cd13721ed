import { runService } from '@calico-node/service';
import { runConfd } from './wire.ts';

await runService({
  name: 'confd',
  description: "keeps the node's BGP daemon configured as the store says",
  options: {
    'node-name': { type: 'string', value: 'NAME', env: 'NODENAME', help: 'the node to render for; default: host name' },
    backend: {
      type: 'string',
      value: 'NAME',
      env: 'CALICO_BGP_BACKEND',
      help: 'native: our own BGP daemon, told over gRPC; bird: BIRD 2, by files; default: bird where CALICO_NETWORKING_BACKEND is, else native',
    },
    socket: {
      type: 'string',
      value: 'PATH',
      env: 'CALICO_BGP_SOCKET',
      help: "native: the BGP daemon's socket; default: bgp.sock in CALICO_RUN_DIR",
    },
    bird: {
      type: 'string',
      value: 'DIR',
      help: "bird: where BIRD's files go; default: CALICO_BIRD_CONFIG_DIR, else /etc/calico/confd/config",
    },
    'bird-reload': {
      type: 'string',
      value: 'COMMAND',
      env: 'CALICO_BIRD_RELOAD',
      help: 'bird: shell command that reloads the BIRD named by $BIRD_NAME; default: birdc configure',
    },
    confdir: {
      type: 'string',
      value: 'DIR',
      env: 'CALICO_CONFD_DIR',
      help: "bird: operators' templates, DIR/conf.d and DIR/templates; default: /etc/calico/confd",
    },
    'keep-stage-file': {
      type: 'boolean',
      help: "bird: keep what is staged beside BIRD's files, in .bird.staged and so on, also when it is refused",
    },
    secrets: {
      type: 'string',
      value: 'DIR',
      env: 'CALICO_BGP_SECRETS_DIR',
      help: 'passwords of sessions, as files DIR/<secret>/<key>',
    },
    onetime: {
      type: 'boolean',
      isOneTime: true,
      help: 'print the configuration as JSON and exit; with --bird: write its files, reload nothing, and exit',
    },
  },
  healthAddress: '127.0.0.1:9192',
  run: runConfd,
});
