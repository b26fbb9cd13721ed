import { Counter, type Registry } from 'prom-client';

/** Told of lines of the log that do not get to where the configuration wants them, besides standard error. */
export interface LogLosses {
  /** The one who is to take it does not take more now. */
  readonly dropped: () => void;
  readonly failed: () => void;
}

/** Counts them, under Felix's names; the counters leave the registry when disposed of. */
export function logMetrics(registry: Registry): LogLosses & Disposable {
  const registers = [registry];
  const dropped = new Counter({
    name: 'felix_logs_dropped',
    help: 'Lines of the log that were not waited for, since who was to take them was busy.',
    registers,
  });
  const failed = new Counter({
    name: 'felix_log_errors',
    help: "Lines of the log that could not be written to the file or to the system's log.",
    registers,
  });
  return {
    dropped: () => {
      dropped.inc();
    },
    failed: () => {
      failed.inc();
    },
    [Symbol.dispose]: () => {
      registry.removeSingleMetric('felix_logs_dropped');
      registry.removeSingleMetric('felix_log_errors');
    },
  };
}
