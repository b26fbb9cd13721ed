const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[-+]\d{2}:\d{2})$/;

/** RFC 3339 text as Kubernetes prints it (UTC, whole seconds), or undefined where it is no time. */
export function normaliseTime(text: string): string | undefined {
  if (!RFC3339.test(text)) return undefined;
  const milliseconds = Date.parse(text);
  return Number.isNaN(milliseconds) ? undefined : formatTime(milliseconds);
}

/** Milliseconds since 1970 as RFC 3339 in UTC, cut to whole seconds. */
export function formatTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}
