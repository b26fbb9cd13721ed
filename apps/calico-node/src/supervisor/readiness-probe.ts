import { get } from 'node:http';

const maxBodyLength = 64 * 1024;

/** What a child's `/readiness` says. */
export interface Readiness {
  readonly ready: boolean;
  /** For the operator, when not ready. */
  readonly reason: string;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** The reasons in the body that `libs/service` answers with; the body itself when it is something else. */
export function reasonsOf(body: string): string {
  try {
    const report: unknown = JSON.parse(body);
    if (isRecord(report) && Array.isArray(report['components'])) {
      const components: unknown[] = report['components'];
      const reasons = components.flatMap((component) => {
        if (!isRecord(component) || component['ok'] === true) return [];
        const { name, reason } = component;
        return [`${typeof name === 'string' ? name : '?'}: ${typeof reason === 'string' ? reason : 'not ready'}`];
      });
      if (reasons.length > 0) return reasons.join('; ');
    }
  } catch {
    // Not ours; shown as it is.
  }
  return body.trim().slice(0, 300);
}

interface Response {
  readonly status: number;
  readonly body: string;
}

/** One request on a connection of its own: a kept one would keep the process from ending when it is told to. */
function fetchOnce(url: string, signal: AbortSignal): Promise<Response> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, signal }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        if (body.length < maxBodyLength) body += text;
      });
      response.once('error', reject).once('end', () => {
        resolve({ status: response.statusCode ?? 0, body });
      });
    });
    request.once('error', reject);
  });
}

/** Asks a process whether it is ready. Never rejects: no answer is "not ready". */
export async function probeReadiness(url: string, signal: AbortSignal, timeoutMs = 2_000): Promise<Readiness> {
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const { status, body } = await fetchOnce(url, AbortSignal.any([signal, timeout]));
    return status >= 200 && status < 400 ? { ready: true, reason: '' } : { ready: false, reason: reasonsOf(body) };
  } catch {
    return {
      ready: false,
      reason: timeout.aborted ? `no answer from ${url} within ${timeoutMs} ms` : `nobody serves ${url}`,
    };
  }
}
