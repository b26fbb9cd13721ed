import { idle } from '../parameter.ts';
import { bool, int, regexp, seconds, text } from '../parameter-type.ts';
import { authority } from '../text-types.ts';

const noGoSources = 'it names source files of Go';
const oneThread = 'one thread has all data, so that nothing races';
const noExternalDataplane = 'the data plane is built in, no program of its own';
const noGo = 'Felix does not run on Go here; NODE_OPTIONS has the limits of its engine';
const noTypha = 'Felix watches the store itself, without Typha';
const noUsageReports = 'nothing is reported to anybody';

/** Parameters of the process that Calico's Felix is, and of services around it, that this one does without. */
export const processParameters = {
  UseInternalDataplaneDriver: idle(bool, 'true', noExternalDataplane, 'useInternalDataplaneDriver'),
  DataplaneDriver: idle(text, 'calico-iptables-plugin', noExternalDataplane, 'dataplaneDriver', { nonZero: true }),
  TyphaAddr: idle(authority, '', noTypha),
  TyphaK8sServiceName: idle(text, '', noTypha),
  TyphaK8sNamespace: idle(text, 'kube-system', noTypha, undefined, { nonZero: true }),
  TyphaReadTimeout: idle(seconds, '30', noTypha),
  TyphaWriteTimeout: idle(seconds, '10', noTypha),
  TyphaCN: idle(text, '', noTypha),
  TyphaURISAN: idle(text, '', noTypha),
  LogDebugFilenameRegex: idle(regexp, '', noGoSources, 'logDebugFilenameRegex'),
  UsageReportingEnabled: idle(bool, 'true', noUsageReports, 'usageReportingEnabled'),
  UsageReportingInitialDelaySecs: idle(seconds, '300', noUsageReports, 'usageReportingInitialDelay'),
  UsageReportingIntervalSecs: idle(seconds, '86400', noUsageReports, 'usageReportingInterval'),
  ClusterGUID: idle(text, 'baddecaf', noUsageReports),
  CalicoVersion: idle(text, '', noUsageReports),
  DebugSimulateDataRace: idle(bool, 'false', oneThread),
  Variant: idle(text, 'Calico', noUsageReports),
  GoGCThreshold: idle(int(-1, 0x7fffffff), '40', noGo, 'goGCThreshold'),
  GoMemoryLimitMB: idle(int(-1, 0x7fffffff), '-1', noGo, 'goMemoryLimitMB'),
  GoMaxProcs: idle(int(-1, 0x7fffffff), '-1', noGo, 'goMaxProcs'),
} as const;
