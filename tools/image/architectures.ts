/** A processor that the image is made for, by Debian's name. */
export type Architecture = 'amd64' | 'arm64';

interface Names {
  /** As Node.js and npm say. */
  readonly node: string;
  /** The prefix of GNU's tools for it. */
  readonly gnu: string;
}

export const architectures: Readonly<Record<Architecture, Names>> = {
  amd64: { node: 'x64', gnu: 'x86_64-linux-gnu' },
  arm64: { node: 'arm64', gnu: 'aarch64-linux-gnu' },
};

/** @throws Error that says what is allowed. */
export function parseArchitecture(text: string | undefined): Architecture {
  if (text === 'amd64' || text === 'arm64') return text;
  throw new Error(`architecture '${text ?? ''}': must be amd64 or arm64`);
}
