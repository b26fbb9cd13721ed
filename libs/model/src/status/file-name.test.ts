import { expect, test } from 'vitest';
import { workloadEndpointStatusFileName } from './file-name.ts';

test.each([
  [{ orchestrator: 'k8s', workload: 'default/web-0', endpoint: 'eth0' }, 'k8s default%2Fweb-0 eth0'],
  [
    { orchestrator: 'a b', workload: "x$&+=:@/y;,?!'()*", endpoint: '%' },
    'a%20b x$&+=:@%2Fy%3B%2C%3F%21%27%28%29%2A %25',
  ],
])('names the status file of %j as Go escapes path segments', (parts, name) => {
  expect(workloadEndpointStatusFileName(parts)).toBe(name);
});
