import { describe, expect, it } from 'vitest';
import { redact } from './redact.ts';

describe('redaction', () => {
  it.each([
    ['etcdPassword: hunter2', 'etcdPassword: [redacted]'],
    ['x:\n  etcdPassword: hunter 2\n  y: 1', 'x:\n  etcdPassword: [redacted]\n  y: 1'],
    ['  etcdPassword: "hunter 2"', '  etcdPassword: "[redacted]"'],
    ["password: 'hunter2'", "password: '[redacted]'"],
    ['{"password":"a\\"b","x":1}', '{"password":"[redacted]","x":1}'],
    ['{"k8sAPIToken":"abc"}', '{"k8sAPIToken":"[redacted]"}'],
    ['ETCD_PASSWORD=hunter2 ETCD_ENDPOINTS=http://e:1', 'ETCD_PASSWORD=[redacted] ETCD_ENDPOINTS=http://e:1'],
    ['  password "hunter2";', '  password "[redacted]";'],
    ['calicoctl --password hunter2 get', 'calicoctl --password [redacted] get'],
    ['https://user:hunter2@host:2379/x', 'https://user:[redacted]@host:2379/x'],
    ['Authorization: Bearer abc.def', 'Authorization: Bearer [redacted]'],
    ['PrivateKey = abc=', 'PrivateKey = [redacted]'],
    ['client-key-data: QUJD', 'client-key-data: [redacted]'],
    [
      '-----BEGIN RSA PRIVATE KEY-----\nQUJD\nREVG\n-----END RSA PRIVATE KEY-----',
      '-----BEGIN RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY-----',
    ],
    [
      '{"key":"-----BEGIN PRIVATE KEY-----\\nQUJD\\n-----END PRIVATE KEY-----"}',
      '{"key":"-----BEGIN PRIVATE KEY-----[redacted]-----END PRIVATE KEY-----"}',
    ],
  ])('takes the secret out of %s', (text, redacted) => {
    expect(redact(text)).toBe(redacted);
    expect(redact(redacted)).toBe(redacted);
  });

  it.each([
    'etcdKeyFile: /etc/calico/certs/key.pem',
    'nodeMeshPassword: {"secretKeyRef":{"name":"x"}}',
    'default via 10.0.0.1 dev eth0 proto static metric 100',
    '-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----',
    'http://10.0.0.1:2379',
    'tokens: none of them',
  ])('leaves %s alone', (text) => {
    expect(redact(text)).toBe(text);
  });

  it('is done with long words, too', () => {
    for (const word of ['a', 'a.', 'a-', '::', 'x=']) {
      const text = word.repeat(500_000);
      expect(redact(text)).toBe(text);
    }
  });
});
