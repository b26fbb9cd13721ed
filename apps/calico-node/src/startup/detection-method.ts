import { parseCidrLoose, type Cidr } from '@calico-node/net';

/** How to find the node's own address (IP_AUTODETECTION_METHOD, IP6_AUTODETECTION_METHOD). */
export type DetectionMethod =
  | { readonly kind: 'first-found' }
  | { readonly kind: 'interface'; readonly include: readonly RegExp[] }
  | { readonly kind: 'skip-interface'; readonly exclude: readonly RegExp[] }
  | { readonly kind: 'can-reach'; readonly destination: string }
  | { readonly kind: 'cidr'; readonly cidrs: readonly Cidr[] }
  | { readonly kind: 'kubernetes-internal-ip' };

export const allowedMethods =
  'first-found, interface=REGEX[,REGEX], skip-interface=REGEX[,REGEX], can-reach=DESTINATION, cidr=CIDR[,CIDR] ' +
  'or kubernetes-internal-ip';

function listOf(text: string): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function patternsOf(text: string): readonly RegExp[] | undefined {
  try {
    const patterns = listOf(text).map((pattern) => new RegExp(pattern));
    return patterns.length > 0 ? patterns : undefined;
  } catch {
    return undefined;
  }
}

/** The method that a text names; undefined when it names none of {@link allowedMethods}. */
export function parseDetectionMethod(text: string): DetectionMethod | undefined {
  const split = text.indexOf('=');
  const name = split < 0 ? text : text.slice(0, split);
  const value = split < 0 ? '' : text.slice(split + 1);
  switch (name) {
    case 'first-found':
      return split < 0 ? { kind: 'first-found' } : undefined;
    case 'kubernetes-internal-ip':
      return split < 0 ? { kind: 'kubernetes-internal-ip' } : undefined;
    case 'can-reach':
      return value === '' ? undefined : { kind: 'can-reach', destination: value };
    case 'interface': {
      const include = patternsOf(value);
      return include === undefined ? undefined : { kind: 'interface', include };
    }
    case 'skip-interface': {
      const exclude = patternsOf(value);
      return exclude === undefined ? undefined : { kind: 'skip-interface', exclude };
    }
    case 'cidr': {
      const items = listOf(value);
      if (items.length === 0 || !items.every((item) => item.includes('/'))) return undefined;
      try {
        return { kind: 'cidr', cidrs: items.map((item) => parseCidrLoose(item)) };
      } catch {
        return undefined;
      }
    }
    default:
      return undefined;
  }
}
