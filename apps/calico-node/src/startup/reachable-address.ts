import { createSocket } from 'node:dgram';
import { tryParseIp, type Family, type IpAddress } from '@calico-node/net';

/**
 * The address that the kernel would send from towards a destination (a name or an address): a UDP socket is
 * connected, nothing is sent. undefined when there is no route.
 */
export function sourceAddressTowards(destination: string, family: Family): Promise<IpAddress | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
    const finish = (ip: IpAddress | undefined): void => {
      socket.close();
      resolve(ip);
    };
    socket.once('error', () => {
      finish(undefined);
    });
    socket.connect(80, destination, () => {
      finish(tryParseIp(socket.address().address));
    });
  });
}
