import { statSync } from 'node:fs';
import { KubernetesClient, resolveAccess, type AccessSettings } from '@calico-node/kubernetes';
import { RecentNamespaces } from './recent-namespaces.ts';

type Variables = Readonly<Record<string, string | undefined>>;

/** A node has one API; a few more may come from configuration files that are being changed. */
const maxClients = 4;

/** When a file was last written; changes when credentials are renewed. */
function stampOf(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    return '';
  }
}

/** Clients for the APIs that network configurations name, kept between calls, made anew when their files change. */
export class KubernetesClients {
  readonly namespaces = new RecentNamespaces();
  readonly #env: Variables;
  readonly #clients = new Map<string, KubernetesClient>();

  constructor(env: Variables) {
    this.#env = env;
  }

  /** @throws KubernetesError `config` */
  open(settings: AccessSettings): KubernetesClient {
    const { kubeconfig, clientCertificate, clientKey, certificateAuthority } = settings;
    const files = [kubeconfig || (this.#env['KUBECONFIG'] ?? ''), clientCertificate, clientKey, certificateAuthority];
    const key = JSON.stringify([settings, files.filter((path) => path !== '').map(stampOf)]);
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    const made = new KubernetesClient(resolveAccess(settings, this.#env));
    this.#clients.set(key, made);
    for (const [oldest, client] of this.#clients) {
      if (this.#clients.size <= maxClients) break;
      this.#clients.delete(oldest);
      client.close();
    }
    return made;
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }
}
