import type { Family, IpAddress } from '@calico-node/net';
import type { PortRange } from '../../calc/parsed-rule.ts';
import type { Action, Rule } from '../../rules/model.ts';
import { plainText } from '../../rules/plain-text.ts';
import { hex, renderMatches } from './render-match.ts';

/** What iptables takes in one `--comment`, in `--log-prefix` and in `--nflog-prefix`. */
const COMMENT_MAX = 255;
const LOG_PREFIX_MAX = 29;
const FLOW_LOG_PREFIX_MAX = 63;

/** LOG_NOTICE, as Felix logs. */
const LOG_LEVEL = 5;

type RenderedAction = Exclude<Action, { kind: 'dispatch' | 'look-up' }>;

/** A rule that iptables can take as it is: `dispatch` and `look-up` have become rules before. */
export interface PlainRule extends Rule {
  readonly action: RenderedAction;
}

/** The rule behind `-A <chain> `, without the comment that has its hash; `undefined` when no packet can meet it. */
export function renderRule({ matches, action, comment }: PlainRule, family: Family): string | undefined {
  const match = renderMatches(matches, family);
  if (match === undefined) return undefined;
  const title = comment === undefined ? '' : `-m comment --comment ${quote(comment, COMMENT_MAX)}`;
  return [title, match, renderAction(action, family)].filter((part) => part !== '').join(' ');
}

function renderAction(action: RenderedAction, family: Family): string {
  switch (action.kind) {
    case 'accept':
      return '--jump ACCEPT';
    case 'drop':
      return '--jump DROP';
    case 'return':
      return '--jump RETURN';
    case 'reject':
      return action.with === undefined ? '--jump REJECT' : `--jump REJECT --reject-with ${action.with}`;
    case 'jump':
      return `--jump ${action.chain}`;
    case 'goto':
      return `--goto ${action.chain}`;
    case 'set-mark':
      return `--jump MARK --set-mark ${hex(action.value)}/${hex(action.mask)}`;
    case 'log':
      return `--jump LOG --log-prefix ${quote(`${action.prefix}: `, LOG_PREFIX_MAX)} --log-level ${LOG_LEVEL}`;
    case 'flow-log':
      return `--jump NFLOG --nflog-group ${action.group} --nflog-prefix ${quote(action.prefix, FLOW_LOG_PREFIX_MAX)}`;
    case 'notrack':
      return '--jump NOTRACK';
    case 'set-dscp':
      return `--jump DSCP --set-dscp ${action.value}`;
    case 'masquerade': {
      const ports = action.ports === undefined ? '' : ` --to-ports ${portsText(action.ports)}`;
      return `--jump MASQUERADE${ports}${randomText(action)}`;
    }
    case 'snat':
      return `--jump SNAT --to-source ${target(action.address, action.ports, family)}${randomText(action)}`;
    case 'dnat': {
      const ports = action.port === undefined ? undefined : { first: action.port, last: action.port };
      return `--jump DNAT --to-destination ${target(action.address, ports, family)}`;
    }
    case 'none':
      return '';
  }
}

function randomText({ fullyRandom }: { readonly fullyRandom?: true }): string {
  return fullyRandom === true ? ' --random-fully' : '';
}

function portsText({ first, last }: PortRange): string {
  return first === last ? `${first}` : `${first}-${last}`;
}

function target(address: IpAddress, ports: PortRange | undefined, family: Family): string {
  if (ports === undefined) return address;
  return `${family === 6 ? `[${address}]` : address}:${portsText(ports)}`;
}

/** One argument, without what would end it early. */
function quote(text: string, maxLength: number): string {
  return `"${plainText(text).slice(0, maxLength)}"`;
}
