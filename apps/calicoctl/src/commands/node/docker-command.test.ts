import { describe, expect, it } from 'vitest';
import { checkMethod } from './autodetection-method.ts';
import { dockerCommand, secretEnvironment, type RunSettings } from './docker-command.ts';

const settings: RunSettings = {
  name: 'n1',
  ip: undefined,
  ip6: undefined,
  asNumber: undefined,
  ipMethod: 'first-found',
  ip6Method: 'first-found',
  logDir: '/var/log/calico',
  image: 'calico-node:latest',
  backend: 'bird',
  isInitSystem: false,
  hasDefaultPools: true,
  felixConfig: undefined,
  etcd: {
    endpoints: 'http://10.0.0.1:2379',
    discoverySrv: '',
    caCertFile: undefined,
    keyFile: undefined,
    certFile: undefined,
    user: undefined,
  },
};

describe('the command that runs a node', () => {
  it('has what every node needs', () => {
    expect(dockerCommand(settings).join(' ')).toBe(
      'docker run --net=host --read-only --cap-drop=ALL --cap-add=NET_ADMIN --cap-add=NET_RAW --cap-add=NET_BIND_SERVICE --cap-add=SYS_ADMIN --security-opt=no-new-privileges --tmpfs=/etc/calico/confd/config:size=16m,mode=0700 --name=calico-node -d --restart=always -e NODENAME=n1 -e CALICO_NETWORKING_BACKEND=bird -e CALICO_MANAGE_CNI=false -e ETCD_ENDPOINTS=http://10.0.0.1:2379 -e ETCD_DISCOVERY_SRV= -v /var/log/calico:/var/log/calico -v /var/run/calico:/var/run/calico -v /var/lib/calico:/var/lib/calico -v /run/netns:/run/netns:rslave -v /run/xtables.lock:/run/xtables.lock -v /proc/sys/net:/host/proc/sys/net calico-node:latest',
    );
  });

  it('has what was asked for', () => {
    const command = dockerCommand({
      ...settings,
      ip: '10.0.0.1',
      ip6: 'autodetect',
      asNumber: '64600',
      ipMethod: 'can-reach=10.0.0.2',
      ip6Method: 'interface=eth.*',
      logDir: '/logs',
      backend: 'none',
      isInitSystem: true,
      hasDefaultPools: false,
      felixConfig: '/felix',
      etcd: { ...settings.etcd, caCertFile: '/ca', keyFile: '/key', certFile: '/cert' },
    });
    expect(command.slice(command.indexOf('--name=calico-node')).slice(0, 2)).toEqual(['--name=calico-node', '--rm']);
    expect(command).not.toContain('--privileged');
    const after = (flag: string): readonly string[] => command.filter((_, index) => command[index - 1] === flag);
    expect(after('-e')).toEqual([
      'NODENAME=n1',
      'CALICO_NETWORKING_BACKEND=none',
      'CALICO_MANAGE_CNI=false',
      'NO_DEFAULT_POOLS=true',
      'IP_AUTODETECTION_METHOD=can-reach=10.0.0.2',
      'IP6_AUTODETECTION_METHOD=interface=eth.*',
      'AS=64600',
      'IP=10.0.0.1',
      'IP6=autodetect',
      'ETCD_ENDPOINTS=http://10.0.0.1:2379',
      'ETCD_DISCOVERY_SRV=',
      'ETCD_CA_CERT_FILE=/etc/calico/certs/ca_cert.crt',
      'ETCD_KEY_FILE=/etc/calico/certs/key.pem',
      'ETCD_CERT_FILE=/etc/calico/certs/cert.crt',
    ]);
    expect(after('-v')).toContain('/logs:/var/log/calico');
    expect(after('-v').slice(-4)).toEqual([
      '/felix:/etc/calico/felix.cfg',
      '/ca:/etc/calico/certs/ca_cert.crt',
      '/key:/etc/calico/certs/key.pem',
      '/cert:/etc/calico/certs/cert.crt',
    ]);
  });

  it.each(['calico/node:v3.32.1', 'registry.example/calico/node:latest', 'docker.io/calico/node@sha256:0'])(
    "gives Project Calico's own image %s what that needs",
    (image) => {
      expect(dockerCommand({ ...settings, image }).join(' ')).toBe(
        `docker run --net=host --privileged --name=calico-node -d --restart=always -e NODENAME=n1 -e CALICO_NETWORKING_BACKEND=bird -e CALICO_MANAGE_CNI=false -e ETCD_ENDPOINTS=http://10.0.0.1:2379 -e ETCD_DISCOVERY_SRV= -v /var/log/calico:/var/log/calico -v /var/run/calico:/var/run/calico -v /var/lib/calico:/var/lib/calico -v /lib/modules:/lib/modules -v /run:/run ${image}`,
      );
    },
  );

  it('never holds a password', () => {
    const secret = { ...settings, etcd: { ...settings.etcd, user: { username: 'u', password: 'hunter2' } } };
    expect(dockerCommand(secret).join(' ')).toContain(' -e ETCD_USERNAME -e ETCD_PASSWORD ');
    expect(dockerCommand(secret).join(' ')).not.toContain('hunter2');
    expect(secretEnvironment(secret)).toEqual({ ETCD_USERNAME: 'u', ETCD_PASSWORD: 'hunter2' });
  });
});

describe('an autodetection method', () => {
  it.each(['first-found', 'interface=eth.*,ens[0-9]', 'skip-interface=docker.*'])('may be %s', (method) => {
    expect(checkMethod(method)).toBeUndefined();
  });

  it.each(['last-found', 'interface', 'interface=eth(', 'skip-interface=a,b(', ''])('may not be %j', (method) => {
    expect(checkMethod(method)).toHaveProperty('complaint');
  });

  it('may name a host that must be there', () => {
    expect(checkMethod('can-reach=example.org')).toEqual({ host: 'example.org' });
  });
});
