/*
 * What an EC2 instance can ask about itself: the instance metadata service, version 2 (AWS's documented interface).
 */

const defaultEndpoint = 'http://169.254.169.254';
/** How long a session's token is good for, in seconds: one run of requests. */
const tokenSeconds = 60;

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** One session with the metadata service. Every function throws where it does not answer. */
export class InstanceMetadata {
  readonly #endpoint: string;
  readonly #token: string;
  readonly #signal: AbortSignal;

  private constructor(endpoint: string, token: string, signal: AbortSignal) {
    this.#endpoint = endpoint;
    this.#token = token;
    this.#signal = signal;
  }

  /** `AWS_EC2_METADATA_SERVICE_ENDPOINT` names another address than the usual one, as AWS's own libraries have it. */
  static async open(env: Readonly<Record<string, string | undefined>>, signal: AbortSignal): Promise<InstanceMetadata> {
    const endpoint = (env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] ?? defaultEndpoint).replace(/\/+$/, '');
    const headers = { 'X-aws-ec2-metadata-token-ttl-seconds': String(tokenSeconds) };
    const url = `${endpoint}/latest/api/token`;
    let response: Response;
    try {
      response = await fetch(url, { method: 'PUT', headers, signal });
    } catch (error) {
      throw new Error(`the EC2 metadata service at ${endpoint} does not answer; is this an EC2 instance?`, {
        cause: error,
      });
    }
    return new InstanceMetadata(endpoint, await textOf(response, url), signal);
  }

  region(): Promise<string> {
    return this.#get('placement/region');
  }

  /** What names of AWS's services end with here, such as `amazonaws.com`. */
  domain(): Promise<string> {
    return this.#get('services/domain');
  }

  /** The id of the first network interface, the one with device index 0. */
  async primaryInterface(): Promise<string> {
    const mac = await this.#get('mac');
    return this.#get(`network/interfaces/macs/${encodeURIComponent(mac)}/interface-id`);
  }

  /** Of the role that the instance has. */
  async credentials(): Promise<Credentials> {
    const roles = 'iam/security-credentials/';
    const [role = ''] = (await this.#get(roles)).split('\n');
    const text = await this.#get(`${roles}${encodeURIComponent(role)}`);
    const found = JSON.parse(text) as { AccessKeyId?: unknown; SecretAccessKey?: unknown; Token?: unknown };
    const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken } = found;
    if (
      typeof accessKeyId !== 'string' ||
      typeof secretAccessKey !== 'string' ||
      (sessionToken !== undefined && typeof sessionToken !== 'string')
    ) {
      throw new Error(`the EC2 metadata service has no credentials for the role ${role}`);
    }
    return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
  }

  async #get(path: string): Promise<string> {
    const url = `${this.#endpoint}/latest/meta-data/${path}`;
    const headers = { 'X-aws-ec2-metadata-token': this.#token };
    return textOf(await fetch(url, { headers, signal: this.#signal }), url);
  }
}

async function textOf(response: Response, url: string): Promise<string> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return text.trim();
}
