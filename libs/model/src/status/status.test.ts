import { describe, expect, it } from 'vitest';
import { ValidationError } from '../validation-error.ts';
import { decodeEndpointStatus, decodeFelixStatus, encodeEndpointStatus, encodeFelixStatus } from './status.ts';

describe('statuses', () => {
  it('have the bytes that Calico writes', () => {
    const status = { time: '2026-01-02T03:04:05Z', uptime: 1.5, first_update: true };
    expect(encodeFelixStatus(status)).toBe('{"time":"2026-01-02T03:04:05Z","uptime":1.5,"first_update":true}');
    expect(decodeFelixStatus(encodeFelixStatus(status))).toEqual(status);
    expect(encodeEndpointStatus({ status: 'up' })).toBe('{"status":"up"}');
    expect(decodeEndpointStatus('{"status":"down"}')).toEqual({ status: 'down' });
    expect(() => decodeEndpointStatus('up')).toThrow(ValidationError);
  });
});
