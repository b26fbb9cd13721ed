import { describeKind } from '@calico-node/model';
import { expect, test } from 'vitest';
import { defaultText, parameterNames, parameters, type Parameter } from './parameters.ts';
import { resolveParameters, startingValues } from './resolve.ts';
import { fromEnvironment, fromFile, fromResource } from './sources.ts';

const spec = describeKind('FelixConfiguration').structs.find(({ name }) => name === 'FelixConfigurationSpec');
const fields = spec?.fields.filter(({ name }) => name !== 'nodeSelector') ?? [];

test('every field of FelixConfiguration is one parameter’s', () => {
  const known = parameterNames.flatMap((name) => (parameters[name] as Parameter<unknown>).field ?? []);
  expect(known.toSorted()).toEqual(fields.map(({ name }) => name).toSorted());
});

const all: readonly (readonly [string, Parameter<unknown>])[] = parameterNames.map((name) => [name, parameters[name]]);

test.each(parameterNames.filter((name) => defaultText(name) !== ''))(
  '%s reads its default as it is documented',
  (name) => {
    const { type, default: value }: Parameter<unknown> = parameters[name];
    expect(type.parse(defaultText(name))).toEqual(value);
  },
);

const documented = all.flatMap(([name, { type, default: value, field }]) => {
  const unset = fields.find((each) => each.name === field)?.unset;
  // Durations are written differently in the resource.
  return unset === undefined || type.unit !== undefined ? [] : [{ name, type, value, unset }];
});
test.each(documented)('$name has the default that the resource documents', ({ type, value, unset }) => {
  expect(type.parse(unset)).toEqual(value);
});

test('what has no effect is told with the reason, unless it says what is so anyway; so are names that nobody knows', () => {
  const { idle, problems } = resolveParameters([
    fromEnvironment({ FELIX_BPFENABLED: 'true', FELIX_XDPENABLED: 'true', FELIX_BOGUS: '1' }),
    fromFile('felix.cfg', 'Nonsense = 1\nHealthPort = 1\n'),
  ]);
  expect(problems).toEqual([]);
  expect(idle).toEqual([
    { name: 'FELIX_BOGUS', source: 'the environment', reason: 'Felix has no such parameter' },
    { name: 'Nonsense', source: 'felix.cfg', reason: 'Felix has no such parameter' },
    { name: 'BPFEnabled', source: 'the environment', reason: 'there is no eBPF data plane' },
  ]);
});

test('fields of a resource that are no texts are read, and durations in the unit of their parameter', () => {
  const { values, problems } = resolveParameters([
    fromResource({
      kind: 'FelixConfiguration',
      apiVersion: 'projectcalico.org/v3',
      metadata: { name: 'default' },
      spec: {
        bpfLogLevel: '',
        routeTableRanges: [{ min: 1, max: 250 }],
        healthTimeoutOverrides: [{ name: 'CalculationGraph', timeout: '1m30s' }],
        iptablesLockProbeInterval: '60ms',
        routeRefreshInterval: '1m30s',
        logPrefix: '5s',
        bpfConntrackTimeouts: { udpTimeout: '60s' },
      },
    }),
  ]);
  expect(problems).toEqual([]);
  expect(values).toMatchObject({
    RouteTableRanges: '1-250',
    HealthTimeoutOverrides: 'CalculationGraph=1m30s',
    IptablesLockProbeIntervalMillis: 60,
    RouteRefreshInterval: 90,
    LogPrefix: '5s',
    BPFConntrackTimeouts: 'udpTimeout=60s',
  });
});

test('what has no effect and what is live leave Felix running', () => {
  const before = resolveParameters([]).values;
  const of = (env: Record<string, string>) => startingValues(resolveParameters([fromEnvironment(env)]).values);
  expect(of({ FELIX_BPFENABLED: 'true', FELIX_LOGSEVERITYSCREEN: 'Debug' })).toEqual(startingValues(before));
  expect(of({ FELIX_VXLANPORT: '4790' })).not.toEqual(startingValues(before));
});
