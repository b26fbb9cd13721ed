import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Backoff, Health } from '@calico-node/service';
import { setSourceDestinationCheck } from './source-destination-check.ts';

/** What the instance's own services, and EC2, answer; both on one port. */
let server: Server;
let endpoint: string;
let answers: Record<string, { status?: number; body: string }>;
let requests: { path: string; headers: IncomingMessage['headers']; body: string }[];
let health: Health;
let warnings: string[];
let abort: AbortController;

const metadata = '/latest/meta-data';
const role = { AccessKeyId: 'ROLEKEY', SecretAccessKey: 'secret', Token: 'session' };

beforeEach(async () => {
  requests = [];
  warnings = [];
  health = new Health();
  abort = new AbortController();
  answers = {
    'PUT /latest/api/token': { body: 'metadata-token' },
    [`GET ${metadata}/placement/region`]: { body: 'eu-central-1' },
    [`GET ${metadata}/services/domain`]: { body: 'amazonaws.com' },
    [`GET ${metadata}/mac`]: { body: '02:00:00:00:00:01' },
    [`GET ${metadata}/network/interfaces/macs/02%3A00%3A00%3A00%3A00%3A01/interface-id`]: { body: 'eni-1\n' },
    [`GET ${metadata}/iam/security-credentials/`]: { body: 'node-role' },
    [`GET ${metadata}/iam/security-credentials/node-role`]: { body: JSON.stringify(role) },
    'POST /': { body: '<ModifyNetworkInterfaceAttributeResponse><return>true</return></...>' },
  };
  server = createServer((request, response) => {
    void text(request).then((body) => {
      requests.push({ path: request.url ?? '', headers: request.headers, body });
      const hasToken = request.headers['x-aws-ec2-metadata-token'] === 'metadata-token';
      const answer = answers[`${request.method} ${request.url}`];
      const status = request.method === 'GET' && !hasToken ? 401 : (answer?.status ?? 200);
      response.writeHead(answer === undefined ? 404 : status).end(answer?.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  abort.abort();
  await new Promise((resolve) => server.close(resolve));
});

function set(isChecked: boolean, env: Record<string, string> = {}): Promise<void> {
  return setSourceDestinationCheck({
    isChecked,
    env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: `${endpoint}/`, AWS_ENDPOINT_URL_EC2: endpoint, ...env },
    log: { info: () => undefined, warn: ((_: unknown, message: string) => warnings.push(message)) as never },
    health,
    signal: abort.signal,
    backoff: new Backoff(1, 1),
  });
}

const asked = () => requests.filter(({ path }) => path === '/');

describe("EC2's source and destination check", () => {
  it.each([
    [true, 'true'],
    [false, 'false'],
  ])('is set to %s on the first interface, signed by the role of the instance', async (isChecked, value) => {
    await set(isChecked);
    const [{ headers, body }] = asked() as [(typeof requests)[0]];
    expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
      Action: 'ModifyNetworkInterfaceAttribute',
      Version: '2016-11-15',
      NetworkInterfaceId: 'eni-1',
      'SourceDestCheck.Value': value,
    });
    expect(headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=ROLEKEY\/\d{8}\/eu-central-1\/ec2\/aws4_request, SignedHeaders=\S*host\S*, Signature=[0-9a-f]{64}$/,
    );
    expect(headers['x-amz-security-token']).toBe('session');
    expect(health.readiness().ok).toBe(true);
  });

  it('takes the credentials of the environment before those of the role', async () => {
    answers[`GET ${metadata}/iam/security-credentials/`] = { status: 404, body: '' };
    await set(false, { AWS_ACCESS_KEY_ID: 'ENVKEY', AWS_SECRET_ACCESS_KEY: 'x' });
    expect(asked()[0]?.headers.authorization).toContain('Credential=ENVKEY/');
    expect(asked()[0]?.headers['x-amz-security-token']).toBeUndefined();
  });

  it('is tried again when EC2 refuses, and Felix says why it is not ready until then', async () => {
    answers['POST /'] = {
      status: 403,
      body: '<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>not allowed</Message></Error></Errors></Response>',
    };
    const done = set(false);
    await expect.poll(() => health.readiness().components[0]?.reason).toContain('UnauthorizedOperation: not allowed');
    expect(health.liveness().ok).toBe(true);
    await expect.poll(() => warnings.length).toBeGreaterThan(1);
    answers['POST /'] = { body: '' };
    await done;
    expect(health.readiness().ok).toBe(true);
  });

  it.each([
    [
      'there is no metadata service',
      { AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:1' },
      'is this an EC2 instance?',
    ],
    ['the instance has no role', { role: '' }, 'iam/security-credentials/ answers 404'],
  ])('says so when %s, and ends with Felix', async (_, env, reason) => {
    if ('role' in env) answers[`GET ${metadata}/iam/security-credentials/`] = { status: 404, body: '' };
    const done = set(true, env);
    await expect.poll(() => health.readiness().components[0]?.reason).toContain(reason);
    abort.abort();
    await done;
    expect(asked()).toEqual([]);
  });
});
