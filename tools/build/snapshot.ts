import { execFile } from 'node:child_process';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { withoutCodeCache } from './code-cache.ts';

const base64 = (value: string): string => Buffer.from(value).toString('base64');

/** A node, as an etcd's gateway gives it to whoever asks for a range of keys. */
const nodeKey = {
  key: base64('/calico/resources/v3/projectcalico.org/nodes/n1'),
  value: base64(
    '{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"n1","creationTimestamp":null},"spec":{}}',
  ),
  mod_revision: '2',
};

function answerTo(request: string): string {
  const found = request.includes('range_end') ? { kvs: [nodeKey], count: '1' } : {};
  const body = JSON.stringify({ header: { revision: '2', cluster_id: '1' }, ...found });
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/**
 * Makes a start-up snapshot of Node.js: its heap after the program has run `get nodes`, with the modules that are
 * loaded and the functions that are compiled then. Only the very same Node.js takes it.
 */
export async function buildSnapshot(node: string, program: string, snapshot: string): Promise<void> {
  const server = createServer((socket) => {
    let received = '';
    socket.on('data', (bytes) => {
      received += bytes.toString();
      const requests = received.split('POST ').slice(1);
      if (requests.length === 2) socket.write(requests.map(answerTo).join('')); // the list, and the cluster's version
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const env = { DATASTORE_TYPE: 'etcdv3', ETCD_ENDPOINTS: `http://127.0.0.1:${port}` };
    const made = `${snapshot}.new`;
    const args = ['--snapshot-blob', made, '--build-snapshot', program, 'get', 'nodes'];
    const { stdout } = await promisify(execFile)(node, args, { env, timeout: 60_000 });
    if (!stdout.includes('n1')) throw new Error(`the practice run printed ${JSON.stringify(stdout)}`);
    await writeFile(made, withoutCodeCache(await readFile(made)));
    await rename(made, snapshot);
  } finally {
    server.close();
  }
}
