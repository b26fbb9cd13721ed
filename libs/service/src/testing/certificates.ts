import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ellipticKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const lifetime = ['-days', '2'];

/** Keys and certificates of a test, made by `openssl` in a directory of their own: NAME.key and NAME.pem. */
export class TestCertificates implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'calico-certificates-'));

  /** Makes an authority: a certificate that signs itself, good for 127.0.0.1 as well. */
  addAuthority(name: string): void {
    const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
    this.#openssl('req', '-x509', ...ellipticKey, ...lifetime, ...subject, ...this.#files(name));
  }

  /** Makes a certificate for servers and clients, signed by an authority. @param address as openssl writes it. */
  add(name: string, authority: string, address = 'IP:127.0.0.1'): void {
    writeFileSync(this.path(`${name}.ext`), `subjectAltName=${address}\nextendedKeyUsage=serverAuth,clientAuth\n`);
    const request = `${name}.csr`;
    this.#openssl('req', ...ellipticKey, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', request);
    const by = ['-CA', `${authority}.pem`, '-CAkey', `${authority}.key`, '-CAcreateserial'];
    this.#openssl('x509', '-req', '-in', request, ...by, ...lifetime, '-extfile', `${name}.ext`, '-out', `${name}.pem`);
  }

  path(file: string): string {
    return join(this.directory, file);
  }

  /** The text of a file. */
  pem(file: string): string {
    return readFileSync(this.path(file), 'utf8');
  }

  /** What a TLS server or client needs to be it. */
  identity(name: string): { readonly key: string; readonly cert: string } {
    return { key: this.pem(`${name}.key`), cert: this.pem(`${name}.pem`) };
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  #files(name: string): readonly string[] {
    return ['-keyout', `${name}.key`, '-out', `${name}.pem`];
  }

  #openssl(...args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.directory, stdio: 'ignore' });
  }
}
