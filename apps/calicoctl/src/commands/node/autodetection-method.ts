import { FIRST_FOUND } from './docker-command.ts';

/** What must hold besides for a method to be good, which the network only can tell. */
export interface Reachable {
  readonly host: string;
}

/**
 * Checks an IP autodetection method: a complaint, or the host that must have an address, or nothing.
 */
export function checkMethod(method: string): { readonly complaint: string } | Reachable | undefined {
  if (method === FIRST_FOUND) return undefined;
  const [, kind, value = ''] = /^(can-reach|interface|skip-interface)=(.*)$/s.exec(method) ?? [];
  switch (kind) {
    case 'can-reach':
      return { host: value };
    case 'interface':
    case 'skip-interface': {
      const bad = value.split(',').find((pattern) => !isPattern(pattern));
      return bad === undefined
        ? undefined
        : { complaint: `invalid interface regex specified for IP autodetection: ${bad}` };
    }
    default:
      return { complaint: `invalid IP autodetection method: ${method}` };
  }
}

function isPattern(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
