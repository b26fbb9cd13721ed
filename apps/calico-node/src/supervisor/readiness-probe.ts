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

/** Asks a process whether it is ready. Never rejects: no answer is "not ready". */
export async function probeReadiness(url: string, signal: AbortSignal, timeoutMs = 2_000): Promise<Readiness> {
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) });
    const body = await response.text();
    return response.status >= 200 && response.status < 400
      ? { ready: true, reason: '' }
      : { ready: false, reason: reasonsOf(body) };
  } catch (error) {
    const isTimeout = error instanceof Error && error.name === 'TimeoutError';
    return { ready: false, reason: isTimeout ? `no answer from ${url} within ${timeoutMs} ms` : 'starting' };
  }
}
