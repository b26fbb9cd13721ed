import type { Family } from '@calico-node/net';
import { AttributeWriter } from '../attribute-writer.ts';
import { messageFlag, type NetlinkRequest } from '../message.ts';
import { familyNumber } from './family.ts';
import { writeMembers, type IpsetMember } from './ipset-member.ts';
import { commandAttribute, dataAttribute, LIST_HEADERS, messageType, NETWORK_ORDER, PROTOCOL } from './numbers.ts';

export type IpsetType = 'hash:net' | 'hash:ip' | 'hash:ip,port';

/** A set to make. */
export interface IpsetSpec {
  /** At most 31 bytes. */
  readonly name: string;
  readonly type: IpsetType;
  readonly family: Family;
  /** How many members it may have at most. */
  readonly maxElements: number;
}

function begin(family: Family): AttributeWriter {
  const header = Uint8Array.of(familyNumber[family], 0, 0, 0);
  return new AttributeWriter(header).u8(commandAttribute.protocol, PROTOCOL);
}

/** Asks which revisions of a set type the kernel knows. */
export function typeRequest(type: IpsetType, family: Family): NetlinkRequest {
  const body = begin(family).string(commandAttribute.typeName, type).u8(commandAttribute.family, familyNumber[family]);
  return { type: messageType.type, flags: 0, body: body.finish(), label: `set type ${type}` };
}

/** It fails when there is a set of that name. */
export function createRequest({ name, type, family, maxElements }: IpsetSpec, revision: number): NetlinkRequest {
  const body = begin(family)
    .string(commandAttribute.setName, name)
    .string(commandAttribute.typeName, type)
    .u8(commandAttribute.revision, revision)
    .u8(commandAttribute.family, familyNumber[family])
    .nested(commandAttribute.data, (writer) => writer.be32(dataAttribute.maxElements | NETWORK_ORDER, maxElements));
  return { type: messageType.create, flags: messageFlag.exclusive, body: body.finish(), label: `create set ${name}` };
}

/** It fails for a set that rules use; one that is not there is no error. */
export function destroyRequest(name: string): NetlinkRequest {
  const body = begin(4).string(commandAttribute.setName, name);
  return { type: messageType.destroy, flags: 0, body: body.finish(), label: `destroy set ${name}` };
}

/** Exchanges what two sets of one type hold; rules go on using the names. */
export function swapRequest(name: string, other: string): NetlinkRequest {
  const body = begin(4).string(commandAttribute.setName, name).string(commandAttribute.otherSetName, other);
  return { type: messageType.swap, flags: 0, body: body.finish(), label: `swap sets ${name} and ${other}` };
}

/** As few messages as the members fit in. What is there already, or is not there any more, is no error. */
export function memberRequests(
  change: 'add' | 'delete',
  set: Pick<IpsetSpec, 'name' | 'family'>,
  members: readonly IpsetMember[],
): NetlinkRequest[] {
  const requests: NetlinkRequest[] = [];
  for (let start = 0; start < members.length;) {
    const writer = begin(set.family).string(commandAttribute.setName, set.name);
    // The kernel takes a list of members only with a line number.
    writer.be32(commandAttribute.lineNumber | NETWORK_ORDER, 1);
    start = writeMembers(writer, set.family, members, start);
    requests.push({
      type: messageType[change],
      flags: 0,
      body: writer.finish(),
      label: `${change} in set ${set.name}`,
    });
  }
  return requests;
}

/** Lists one set with its members, or all sets without. */
export function listRequest(name?: string): NetlinkRequest {
  const writer = begin(4);
  if (name === undefined) writer.be32(commandAttribute.flags | NETWORK_ORDER, LIST_HEADERS);
  else writer.string(commandAttribute.setName, name);
  return { type: messageType.list, flags: 0, body: writer.finish(), label: `list ${name ?? 'sets'}` };
}
