import { describe, expect, it } from 'vitest';
import { renderYaml } from './yaml.ts';

describe('YAML output', () => {
  it("looks as Calico's tools write it", () => {
    const value = {
      kind: 'NetworkPolicy',
      apiVersion: 'projectcalico.org/v3',
      metadata: {
        name: 'x',
        creationTimestamp: '2026-01-02T03:04:05Z',
        resourceVersion: '12',
        labels: { on: 'true', a: '' },
      },
      spec: {
        selector: "app == 'web' && has(role)",
        notSelector: '!has(x)',
        order: 10.5,
        ingress: [{ action: 'Allow', source: { nets: ['10.0.0.0/8', '::/0'] }, ports: [80, '1000:2000', '22:15'] }],
        interfaceName: '*',
        empty: {},
        none: [],
        long: 'word '.repeat(40).trim(),
        script: 'a\nb\n',
        mac: '66:f9:37:c3:7e:94',
      },
    };
    expect(renderYaml(value)).toBe(`apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata:
  creationTimestamp: "2026-01-02T03:04:05Z"
  labels:
    a: ""
    "on": "true"
  name: x
  resourceVersion: "12"
spec:
  empty: {}
  ingress:
  - action: Allow
    ports:
    - 80
    - 1000:2000
    - "22:15"
    source:
      nets:
      - 10.0.0.0/8
      - ::/0
  interfaceName: '*'
  long: ${'word '.repeat(40).trim()}
  mac: 66:f9:37:c3:7e:94
  none: []
  notSelector: '!has(x)'
  order: 10.5
  script: |
    a
    b
  selector: app == 'web' && has(role)
`);
  });
});
