import { describe, expect, it } from 'vitest';
import { ValidationError } from '../validation-error.ts';
import {
  decodeEndpointStatus,
  decodeFelixStatus,
  encodeEndpointStatus,
  encodeEndpointStatusFile,
  encodeFelixStatus,
} from './status.ts';

describe('statuses', () => {
  it('have the bytes that Calico writes', () => {
    const status = { time: '2026-01-02T03:04:05Z', uptime: 1.5, first_update: true };
    expect(encodeFelixStatus(status)).toBe('{"time":"2026-01-02T03:04:05Z","uptime":1.5,"first_update":true}');
    expect(decodeFelixStatus(encodeFelixStatus(status))).toEqual(status);
    expect(encodeEndpointStatus({ status: 'up' })).toBe('{"status":"up"}');
    expect(encodeEndpointStatusFile({ ifaceName: 'cali1', ipv4Nets: ['10.65.0.1/32'], ipv6Nets: [] })).toBe(
      '{"ifaceName":"cali1","ipv4Nets":["10.65.0.1/32"]}',
    );
    expect(decodeEndpointStatus('{"status":"down"}')).toEqual({ status: 'down' });
    expect(() => decodeEndpointStatus('up')).toThrow(ValidationError);
  });
});
