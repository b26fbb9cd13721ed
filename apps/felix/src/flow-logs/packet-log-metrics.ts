import { Counter, type Registry } from 'prom-client';

/** Told of packets that the kernel logs for flow logs. */
export interface PacketLogCounts {
  readonly received: () => void;
  /** Some were lost: the kernel's buffer was full. */
  readonly overrun: () => void;
  readonly unread: () => void;
}

/** Counts them by the kernel's log group, under Felix's names; the counters leave the registry when disposed of. */
export function packetLogMetrics(registry: Registry): Disposable & { of(group: number): PacketLogCounts } {
  const counter = (name: string, help: string): Counter =>
    new Counter({ name, help, labelNames: ['groupNum'], registers: [registry] });
  const received = counter('felix_nflog_logs_received', 'Packets that the kernel logged, by its log group.');
  const overruns = counter('felix_nflog_buffer_overruns', 'How often the buffer of logged packets was full.');
  const errors = counter('felix_nflog_parse_errors', 'Logged packets whose headers could not be read.');
  const counters = [received, overruns, errors];
  return {
    of: (group) => {
      const labels = { groupNum: String(group) };
      for (const each of counters) each.inc(labels, 0);
      return {
        received: () => {
          received.inc(labels);
        },
        overrun: () => {
          overruns.inc(labels);
        },
        unread: () => {
          errors.inc(labels);
        },
      };
    },
    [Symbol.dispose]: () => {
      for (const name of ['felix_nflog_logs_received', 'felix_nflog_buffer_overruns', 'felix_nflog_parse_errors'])
        registry.removeSingleMetric(name);
    },
  };
}
