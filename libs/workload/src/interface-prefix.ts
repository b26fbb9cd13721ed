/** The first of Felix's interface prefixes (`FELIX_INTERFACEPREFIX`, a list). */
export function interfacePrefix(env: Readonly<Record<string, string | undefined>>): string {
  const first = (env['FELIX_INTERFACEPREFIX'] ?? '').split(',')[0]?.trim();
  return first === undefined || first === '' ? 'cali' : first;
}
