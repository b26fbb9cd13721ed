export { FrameSender, PacketSender, type SenderOptions } from './packet-socket.ts';
export { addTrafficHooks, redirectToIngress } from './redirect-requests.ts';
export { ArpListener, type ArpListenerOptions, type ArpRequest } from './arp-listener.ts';
export { etherTypes, FrameListener, type FrameListenerOptions } from './frame-listener.ts';
