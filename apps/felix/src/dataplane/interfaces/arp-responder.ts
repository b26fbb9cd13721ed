import type { IpAddress, Mac } from '@calico-node/net';
import type { NetnsRef } from '@calico-node/netlink';
import { ArpListener, FrameSender } from '@calico-node/netlink/inject';
import { encodeArpReply } from './announcement.ts';

/**
 * Answers ARP on a link for addresses that the kernel does not: it answers for others only where its route to them
 * leaves by another interface, and that to a service's address leads back to the link. Throws SyscallError.
 */
export class ArpResponder implements Disposable {
  readonly mac: Mac;
  addresses: ReadonlySet<IpAddress> = new Set();
  readonly #sender: FrameSender;
  readonly #listener: ArpListener;

  constructor(interfaceIndex: number, mac: Mac, netns?: NetnsRef) {
    this.mac = mac;
    const where = netns === undefined ? {} : { netns };
    using parts = new DisposableStack();
    const sender = parts.use(new FrameSender(interfaceIndex, where));
    this.#sender = sender;
    this.#listener = new ArpListener({
      ...where,
      interfaceIndex,
      onRequest: (request) => {
        if (!this.addresses.has(request.target) || request.senderMac === mac) return;
        try {
          sender.send(encodeArpReply(request.target, mac, request));
        } catch {
          // The link is going away; who asked asks again.
        }
      },
    });
    parts.move();
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    this.#sender.close();
  }
}
