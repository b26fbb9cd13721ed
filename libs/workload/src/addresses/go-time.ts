/** Go's `time.Time.String()` in UTC, to the millisecond: what Calico notes with an address as its `timestamp`. */
export function goTimeString(time: Date): string {
  const [date = '', clock = ''] = time.toISOString().split('T');
  const fraction = clock.slice(8, 12).replace(/\.?0*$/, '');
  return `${date} ${clock.slice(0, 8)}${fraction} +0000 UTC`;
}
