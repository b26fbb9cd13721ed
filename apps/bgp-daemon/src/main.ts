import { ConfigError, runService } from '@calico-node/service';
import { readOperatorFile } from './config/operator-file.ts';
import { runDaemon } from './daemon.ts';

await runService({
  name: 'bgp-daemon',
  description: 'BGP-4 speaker between the kernel of this node and its peers',
  options: {
    socket: {
      type: 'string',
      value: 'PATH',
      env: 'CALICO_BGP_SOCKET',
      help: 'the unix socket of the gRPC interface; default: bgp.sock in CALICO_RUN_DIR',
    },
    config: {
      type: 'string',
      value: 'FILE',
      env: 'CALICO_BGP_CONFIG',
      help: 'start with this configuration (JSON); default: the last one accepted over gRPC',
    },
    check: {
      type: 'boolean',
      isOneTime: true,
      help: 'only say whether the file of --config is right; exit code 2 if it is not',
    },
    port: {
      type: 'string',
      value: 'PORT',
      env: 'CALICO_BGP_PORT',
      help: 'listen here, whatever the configuration says',
    },
  },
  healthAddress: '127.0.0.1:9191',
  run: async (context) => {
    if (!context.flag('check')) return runDaemon(context);
    const file = context.option('config');
    if (file === undefined) throw new ConfigError('--check: needs a file, given by --config');
    readOperatorFile(file);
    process.stdout.write(`${file}: nothing wrong\n`);
  },
});
