import { Ipam } from '@calico-node/ipam';
import { CommandError, type Io } from '../io.ts';
import { withSession, type DatastoreOptions } from '../session.ts';
import { addressArgument } from './address-argument.ts';

/** `calicoctl ipam release --ip`: frees an address, whoever holds it. */
export async function ipamRelease(options: DatastoreOptions & { readonly ip: string }, io: Io): Promise<void> {
  const ip = addressArgument(options.ip);
  const unassigned = await withSession(options, io, ({ backend }) => new Ipam(backend).releaseIps([{ ip }]));
  if (unassigned.length > 0) throw new CommandError(`IP address ${ip} is not assigned`);
  io.out(`Successfully released IP address ${ip}\n`);
}
