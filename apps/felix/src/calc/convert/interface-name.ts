import { ConversionError } from './conversion-error.ts';

/** What the kernel takes (15 characters) and what is safe in chain names, sysctl paths and what iptables reads. Throws ConversionError. */
export function checkInterfaceName(name: string): string {
  if (!/^[a-zA-Z0-9_.-]{1,15}$/.test(name) || name === '.' || name === '..')
    throw new ConversionError(`"${name}" is no interface name`);
  return name;
}
