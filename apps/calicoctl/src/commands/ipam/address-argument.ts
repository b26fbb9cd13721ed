import { tryParseIp, type IpAddress } from '@calico-node/net';
import { CommandError } from '../../io.ts';

/** An address given on the command line. @throws CommandError */
export function addressArgument(text: string): IpAddress {
  const ip = tryParseIp(text);
  if (ip === undefined) throw new CommandError(`invalid IP address specified: ${text}`);
  return ip;
}
