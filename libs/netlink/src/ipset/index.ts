export { IpsetError } from './ipset-error.ts';
export type { IpsetMember } from './ipset-member.ts';
export type { IpsetSpec, IpsetType } from './ipset-requests.ts';
export { IpsetSocket, type IpsetChange, type KernelIpset } from './ipset-socket.ts';
