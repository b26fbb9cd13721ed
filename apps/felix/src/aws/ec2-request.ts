import aws4 from 'aws4';
import type { Credentials } from './instance-metadata.ts';

const apiVersion = '2016-11-15';

export interface Ec2Service {
  readonly endpoint: URL;
  readonly region: string;
  readonly credentials: Credentials;
}

/** What EC2 refused, with AWS's code, such as `UnauthorizedOperation`. */
export class Ec2Error extends Error {
  override readonly name = 'Ec2Error';
  readonly code: string;

  constructor(code: string, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}

/**
 * Makes one signed request of the EC2 Query API.
 * @throws Ec2Error when it is refused.
 */
export async function requestEc2(
  { endpoint, region, credentials }: Ec2Service,
  action: string,
  parameters: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  const body = new URLSearchParams({ Action: action, Version: apiVersion, ...parameters }).toString();
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8' };
  const signed = aws4.sign(
    { service: 'ec2', region, method: 'POST', host: endpoint.host, path: endpoint.pathname, headers, body },
    credentials,
  );
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: Object.fromEntries(Object.entries(signed.headers ?? {}).map(([name, value]) => [name, String(value)])),
    body,
    signal,
  });
  const text = await response.text();
  if (response.ok) return;
  const field = (name: string): string | undefined => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1];
  throw new Ec2Error(field('Code') ?? `HTTP ${response.status}`, field('Message') ?? `${action} failed`);
}
