import { parseDscp, type WorkloadEndpoint } from '@calico-node/model';
import { parseQuantity } from './quantity.ts';

type QosControls = NonNullable<WorkloadEndpoint['spec']['qosControls']>;
type Annotations = Readonly<Record<string, string>>;
type Field = Exclude<keyof QosControls, 'dscp'>;

const prefix = 'qos.projectcalico.org/';

/** Least and greatest values of the limits (Calico's documented ranges): bits per second, bits, packets, connections. */
const ranges: Readonly<Record<string, readonly [least: number, most: number]>> = {
  Bandwidth: [1e3, 1e15],
  Burst: [1e3, 34_359_738_360],
  Peakrate: [1.01e3, 1.01e15],
  Minburst: [1e3, 1e8],
  PacketRate: [1, 1e4],
  PacketBurst: [1, 1e4],
  MaxConnections: [1, 4_294_967_295],
};
const defaultBurst = 2 ** 32;
const defaultPacketBurst = 5;

/** What could not be taken as it was written. */
export type Complain = (problem: string) => void;

function limit(annotations: Annotations, direction: string, what: string, complain: Complain): number | undefined {
  const names = [
    `${prefix}${direction}${what}`,
    ...(what === 'Bandwidth' ? [`kubernetes.io/${direction}-bandwidth`] : []),
  ];
  const name = names.find((candidate) => annotations[candidate] !== undefined);
  if (name === undefined) return undefined;
  const text = annotations[name] ?? '';
  const value = parseQuantity(text);
  const [least, most] = ranges[what] ?? [0, Number.MAX_SAFE_INTEGER];
  if (value === undefined) {
    complain(`${name}: '${text}' is not a quantity; it is left out`);
    return undefined;
  }
  const clamped = Math.min(Math.max(value, least), most);
  if (clamped !== value) complain(`${name}: ${text} is not from ${least} to ${most}; it is ${clamped}`);
  return clamped;
}

/**
 * The limits that a pod's annotations set on its traffic. As in Calico, what is out of range is clamped and what
 * cannot be read is left out, with a complaint: neither keeps a pod from starting.
 */
export function qosOf(annotations: Annotations, complain: Complain): QosControls | undefined {
  const found: Partial<Record<Field, number>> = {};
  for (const direction of ['ingress', 'egress'] as const) {
    const take = (what: string): number | undefined => limit(annotations, direction, what, complain);
    const [bandwidth, packetRate] = [take('Bandwidth'), take('PacketRate')];
    const values: Partial<Record<Field, number | undefined>> = {
      [`${direction}Bandwidth`]: bandwidth,
      [`${direction}Burst`]: take('Burst') ?? (bandwidth === undefined ? undefined : defaultBurst),
      [`${direction}Peakrate`]: take('Peakrate'),
      [`${direction}Minburst`]: take('Minburst'),
      [`${direction}PacketRate`]: packetRate,
      [`${direction}PacketBurst`]: take('PacketBurst') ?? (packetRate === undefined ? undefined : defaultPacketBurst),
      [`${direction}MaxConnections`]: take('MaxConnections'),
    };
    for (const [field, value] of Object.entries(values)) if (value !== undefined) found[field as Field] = value;
  }
  const text = annotations[`${prefix}dscp`];
  const dscp = text === undefined ? undefined : parseDscp(text);
  if (text !== undefined && dscp === undefined) complain(`${prefix}dscp: '${text}' is not a DiffServ code point`);
  const controls: QosControls = { ...found, ...(dscp === undefined ? {} : { dscp }) };
  return Object.keys(controls).length === 0 ? undefined : controls;
}
