import { request } from 'node:http';
import { fieldsOf, text, type Fields } from '../protocol/fields.ts';

/** Where the engine's API is: a unix socket, or a host and port without TLS. */
export type DockerHost = { readonly socketPath: string } | { readonly host: string; readonly port: number };

/** Reads `DOCKER_HOST`. @returns undefined for a form that is not supported. */
export function parseDockerHost(value: string): DockerHost | undefined {
  if (value.startsWith('unix:///')) return { socketPath: value.slice('unix://'.length) };
  const [, host, port] = /^tcp:\/\/([^:/]+|\[[0-9a-f:]+\]):(\d{1,5})\/?$/i.exec(value) ?? [];
  if (host === undefined || port === undefined) return undefined;
  return { host: host.replaceAll(/[[\]]/g, ''), port: Number(port) };
}

/** A read of the engine's API. @throws Error when it does not answer with 200 and an object. */
async function get(docker: DockerHost, path: string, signal: AbortSignal): Promise<Fields> {
  const body = await new Promise<string>((resolve, reject) => {
    const call = request({ ...docker, path, signal, headers: { host: 'docker' } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString('utf8'));
        else reject(new Error(`Docker answers ${response.statusCode ?? 0} to GET ${path}`));
      });
    });
    call.once('error', reject).end();
  });
  return fieldsOf(JSON.parse(body), path);
}

/** The labels of the container that an endpoint has joined; undefined while Docker knows of none. */
export async function containerLabels(
  docker: DockerHost,
  networkId: string,
  endpointId: string,
  signal: AbortSignal,
): Promise<Fields | undefined> {
  const network = await get(docker, `/networks/${networkId}`, signal);
  const containers = Object.entries(fieldsOf(network['Containers'], 'Containers'));
  const found = containers.find(([, facts]) => text(fieldsOf(facts, 'Containers'), 'EndpointID') === endpointId);
  if (found === undefined) return undefined;
  const container = await get(docker, `/containers/${found[0]}/json`, signal);
  return fieldsOf(fieldsOf(container['Config'], 'Config')['Labels'], 'Labels');
}
