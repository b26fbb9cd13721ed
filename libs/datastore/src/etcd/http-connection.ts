import type * as net from 'node:net';
import type * as tls from 'node:tls';
import { HttpResponseReader, type HttpResponse } from './http-response.ts';

export interface HttpTarget {
  /** A name or an address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** PEM texts, for TLS. */
  readonly tls?: Pick<tls.ConnectionOptions, 'ca' | 'key' | 'cert'> | undefined;
}

interface Pending {
  readonly resolve: (response: HttpResponse) => void;
  readonly reject: (error: Error) => void;
}

/**
 * One HTTP/1.1 connection (RFC 9112) for a short life: requests go out as they come, answers come in the same order.
 * Whatever goes wrong ends it, and with it every request that is under way. `node:http` does the same for ten times
 * the start-up, and can't be part of a start-up snapshot.
 */
export class HttpConnection {
  readonly #target: HttpTarget;
  readonly #reader = new HttpResponseReader();
  readonly #pending: Pending[] = [];
  #socket: net.Socket | undefined;
  #failure: Error | undefined;

  constructor(target: HttpTarget) {
    this.#target = target;
  }

  /** Sends a JSON body; gives the answer whatever its status. */
  post(path: string, body: string, headers: Readonly<Record<string, string>>): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#pending.push({ resolve, reject });
      this.#socket ??= this.#connect();
      this.#socket.write(renderRequest(this.#target, path, body, headers));
    });
  }

  /** Ends the connection; what is under way fails with the reason. */
  close(reason: Error = new Error('the connection was closed')): void {
    this.#failure ??= reason;
    this.#socket?.destroy();
    for (const { reject } of this.#pending.splice(0)) reject(this.#failure);
  }

  #connect(): net.Socket {
    const { host, port, tls } = this.#target;
    // Loaded here: TLS takes longer to load than all else that a read needs.
    const socket =
      tls === undefined
        ? process.getBuiltinModule('node:net').connect({ host, port, noDelay: true })
        : process.getBuiltinModule('node:tls').connect({ host, port, ...serverName(host), ...tls });
    socket.on('data', (bytes: Buffer) => {
      this.#take(bytes);
    });
    socket.on('error', (error: Error) => {
      this.close(error);
    });
    socket.on('close', () => {
      this.close(new Error('the server closed the connection'));
    });
    return socket;
  }

  #take(bytes: Buffer): void {
    try {
      for (const response of this.#reader.push(bytes)) this.#pending.shift()?.resolve(response);
    } catch (error) {
      this.close(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

/** The name for the server's certificate (RFC 6066 section 3: not for addresses). */
function serverName(host: string): { readonly servername?: string } {
  return process.getBuiltinModule('node:net').isIP(host) === 0 ? { servername: host } : {};
}

function renderRequest(
  { host, port }: HttpTarget,
  path: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): string {
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const lines = Object.entries({
    Host: authority,
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}
