import { nodeV1, RpcError, unary } from '@calico-node/rpc';
import { isLogLevel, logLevels, type LogLevel } from '@calico-node/service';
import type { Backend } from './backend.ts';
import { renderCause, type ComponentPhase, type ComponentStatus } from './component.ts';
import type { Supervisor } from './supervisor.ts';

const states: Readonly<Record<ComponentPhase, nodeV1.ProcessState>> = {
  waiting: nodeV1.ProcessState.STARTING,
  starting: nodeV1.ProcessState.STARTING,
  running: nodeV1.ProcessState.RUNNING,
  'backing-off': nodeV1.ProcessState.BACKING_OFF,
  'crash-loop': nodeV1.ProcessState.CRASH_LOOP,
  stopped: nodeV1.ProcessState.STOPPED,
};

function toMessage(status: ComponentStatus): nodeV1.Process {
  return {
    name: status.name,
    state: states[status.phase],
    pid: status.pid,
    restarts: status.restarts,
    startedUnixMillis: BigInt(status.startedMs),
    lastExit: status.lastExit,
    ready: status.ready,
    reason: status.reason,
  };
}

export interface NodeServiceOptions {
  readonly nodeName: string;
  readonly backend: Backend;
  readonly supervisor: Supervisor;
  /** Sets the supervisor's own log level. */
  readonly setOwnLevel: (level: LogLevel) => void;
}

/** The gRPC face of the supervisor (`proto/calico/node/v1`). */
export function nodeService({
  nodeName,
  backend,
  supervisor,
  setOwnLevel,
}: NodeServiceOptions): nodeV1.NodeServiceServer {
  return {
    getStatus: unary<nodeV1.GetStatusRequest, nodeV1.GetStatusResponse>(() => {
      const causes = supervisor.causes();
      return {
        nodeName,
        backend,
        ready: causes.length === 0,
        causes: causes.map(renderCause),
        processes: supervisor.statuses().map(toMessage),
      };
    }),
    setLogLevel: unary<nodeV1.SetLogLevelRequest, nodeV1.SetLogLevelResponse>(({ process: name, level }) => {
      if (!isLogLevel(level)) {
        throw new RpcError('INVALID_ARGUMENT', `level: '${level}' is not one of ${logLevels.join(', ')}`);
      }
      const isOwn = name === '' || name === 'calico-node';
      if (isOwn) setOwnLevel(level);
      const outcome = name === 'calico-node' ? 'set' : supervisor.setLogLevel(name, level);
      if (outcome === 'unknown') throw new RpcError('NOT_FOUND', `process: there is no '${name}'`);
      if (outcome === 'foreign') {
        throw new RpcError(
          'FAILED_PRECONDITION',
          `process: what '${name}' logs is set by logSeverityScreen of BGPConfiguration`,
        );
      }
      return {};
    }),
  };
}
