/*
 * The files under deploy/ agree with each other and with the image: each name that one refers to is there, and every way
 * of running a node gives it the same rights.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { bundles } from '../build/programs.ts';
import { capabilities, hostMounts } from './node-container.ts';

const deploy = join(import.meta.dirname, '../../deploy');
const read = (...path: string[]): string => readFileSync(join(deploy, ...path), 'utf8');

interface Named {
  readonly name: string;
}

interface EnvironmentVariable extends Named {
  readonly value?: string;
  readonly valueFrom?: { readonly configMapKeyRef?: { readonly name: string; readonly key: string } };
}

interface Container extends Named {
  readonly image: string;
  readonly command?: readonly string[];
  readonly env?: readonly EnvironmentVariable[];
  readonly volumeMounts?: readonly (Named & { readonly mountPath: string; readonly mountPropagation?: string })[];
  readonly securityContext: {
    readonly privileged?: boolean;
    readonly allowPrivilegeEscalation: boolean;
    readonly readOnlyRootFilesystem?: boolean;
    readonly capabilities: { readonly drop: readonly string[]; readonly add?: readonly string[] };
  };
}

interface Volume extends Named {
  readonly hostPath?: { readonly path: string; readonly type?: string };
  readonly secret?: { readonly secretName: string };
}

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly { readonly kind: string; readonly name: string; readonly namespace: string }[];
  readonly spec?: {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: {
        readonly serviceAccountName: string;
        readonly hostNetwork?: boolean;
        readonly initContainers?: readonly Container[];
        readonly containers: readonly Container[];
        readonly volumes: readonly Volume[];
      };
    };
  };
}

const kustomization = parse(read('kubernetes/kustomization.yaml')) as { readonly resources: readonly string[] };
const manifests = kustomization.resources
  .filter((file) => file !== 'crds.yaml')
  .flatMap((file) => {
    const documents = parseAllDocuments(read('kubernetes', file));
    for (const { errors } of documents) if (errors[0] !== undefined) throw errors[0];
    return documents.map((document) => document.toJS() as Manifest);
  });
const find = (kind: string, name: string): Manifest | undefined =>
  manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
const workloads = manifests.filter(({ kind }) => kind === 'DaemonSet' || kind === 'Deployment');
const podOf = (workload: Manifest) => workload.spec!.template.spec;
const containersOf = (workload: Manifest): readonly Container[] => {
  const { initContainers = [], containers } = podOf(workload);
  return [...initContainers, ...containers];
};

describe('deploy/kubernetes', () => {
  test('kustomization.yaml names every file', () => {
    const files = readdirSync(join(deploy, 'kubernetes')).filter((file) => file !== 'kustomization.yaml');
    expect([...kustomization.resources].sort()).toEqual(files.sort());
  });

  test('no object is there twice', () => {
    const names = manifests.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  test('every role is bound to accounts that exist', () => {
    const bindings = manifests.filter(({ kind }) => kind === 'ClusterRoleBinding');
    expect(bindings.map(({ roleRef }) => roleRef?.name).sort()).toEqual(
      manifests
        .filter(({ kind }) => kind === 'ClusterRole')
        .map(({ metadata }) => metadata.name)
        .sort(),
    );
    for (const { subjects = [] } of bindings) {
      for (const subject of subjects) {
        expect(find(subject.kind, subject.name)?.metadata.namespace, subject.name).toBe(subject.namespace);
      }
    }
  });

  test.each(workloads.map((workload) => [workload.metadata.name, workload] as const))(
    '%s refers to nothing that is not there',
    (_name, workload) => {
      const { matchLabels } = workload.spec!.selector;
      expect(workload.spec!.template.metadata.labels).toMatchObject(matchLabels);
      const { serviceAccountName, volumes } = podOf(workload);
      expect(find('ServiceAccount', serviceAccountName)).toBeDefined();
      for (const { secret } of volumes) if (secret) expect(find('Secret', secret.secretName)).toBeDefined();
      const mounted = new Set<string>();
      for (const { env = [], volumeMounts = [] } of containersOf(workload)) {
        expect(new Set(env.map(({ name }) => name)).size).toBe(env.length);
        for (const { name, value, valueFrom } of env) {
          const reference = valueFrom?.configMapKeyRef;
          if (reference !== undefined) {
            expect(find('ConfigMap', reference.name)?.data, name).toHaveProperty([reference.key]);
          } else if (value !== undefined) expect(value, name).toBeTypeOf('string');
        }
        for (const { name } of volumeMounts) mounted.add(name);
      }
      expect([...mounted].sort()).toEqual(volumes.map(({ name }) => name).sort());
    },
  );

  test('the node gets four capabilities and a read-only root, and its host only where it must', () => {
    const daemonSet = find('DaemonSet', 'calico-node')!;
    const [node] = podOf(daemonSet).containers;
    expect(node!.securityContext).toMatchObject({
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], add: capabilities },
    });
    const volumes = new Map(podOf(daemonSet).volumes.map((volume) => [volume.name, volume]));
    const mounts = node!.volumeMounts!.map(({ name, mountPath }) => [mountPath, volumes.get(name)?.hostPath?.path]);
    expect(Object.fromEntries(mounts)).toMatchObject(hostMounts);
    expect(node!.volumeMounts!.find(({ name }) => name === 'run-netns')?.mountPropagation).toBe('HostToContainer');
    for (const { securityContext } of podOf(daemonSet).initContainers!) {
      expect(securityContext.capabilities).toEqual({ drop: ['ALL'] });
    }
  });

  test('what our image is told to run is in it', () => {
    const programs = bundles.flatMap(({ launchers }) => Object.keys(launchers));
    const ours = workloads.flatMap(containersOf).filter(({ image }) => image.startsWith('calico-node:'));
    expect(ours).toHaveLength(2);
    for (const { command = [] } of ours) {
      if (command[0] !== undefined) expect(programs).toContain(command[0].split('/').at(-1));
    }
  });

  test('the network configuration becomes JSON when install-cni has filled it in', () => {
    const template = find('ConfigMap', 'calico-config')!.data!['cni_network_config']!;
    const filled = template.replace('__CNI_MTU__', '1500').replaceAll(/__[A-Z_]+__/g, 'x');
    expect(JSON.parse(filled)).toMatchObject({
      plugins: [{ type: 'calico' }, { type: 'portmap' }, { type: 'bandwidth' }],
    });
  });
});

interface Service {
  readonly image: string;
  readonly cap_add?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly read_only?: boolean;
  readonly network_mode?: string;
  readonly depends_on?: readonly string[];
  readonly networks?: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
}

describe('deploy/compose', () => {
  const compose = parse(read('compose/compose.yaml'), { merge: true }) as {
    readonly services: Readonly<Record<string, Service>>;
    readonly networks: Readonly<Record<string, unknown>>;
    readonly volumes: Readonly<Record<string, unknown>>;
  };
  const nodes = Object.entries(compose.services).filter(([name]) => name.startsWith('node'));

  test('refers to nothing that is not there', () => {
    for (const service of Object.values(compose.services)) {
      for (const name of service.depends_on ?? []) expect(compose.services).toHaveProperty(name);
      for (const name of Object.keys(service.networks ?? {})) expect(compose.networks).toHaveProperty(name);
      for (const volume of service.volumes ?? []) {
        const [source = ''] = volume.split(':');
        if (!source.startsWith('/')) expect(compose.volumes).toHaveProperty([source]);
      }
    }
  });

  test('gives its two nodes what every node gets, and nothing else', () => {
    expect(nodes.map(([name]) => name)).toEqual(['node1', 'node2']);
    for (const [name, service] of nodes) {
      expect(service).toMatchObject({ cap_drop: ['ALL'], cap_add: capabilities, read_only: true });
      expect(service.environment).toMatchObject({ NODENAME: name, ETCD_ENDPOINTS: 'http://172.30.0.2:2379' });
      const targets = service.volumes!.map((volume) => volume.split(':')[1]);
      expect(targets.sort()).toEqual(Object.keys(hostMounts).sort());
    }
  });
});

describe('deploy/systemd', () => {
  test.each(['calico-node.service', 'calico-node-container.service'])('%s is tried for as long as it takes', (unit) => {
    const text = read('systemd', unit);
    expect(text).toMatch(/^StartLimitIntervalSec=0$/m);
    expect(text).toMatch(/^Restart=always$/m);
  });

  test('the host itself gives the same capabilities', () => {
    const [, bounding = ''] = /^CapabilityBoundingSet=(.*)$/m.exec(read('systemd/calico-node.service'))!;
    expect(bounding.split(' ').sort()).toEqual(capabilities.map((name) => `CAP_${name}`).sort());
  });

  test('the container does too', () => {
    const unit = read('systemd/calico-node-container.service').replaceAll('\\\n', ' ');
    const words = /^ExecStart=(.*)$/m.exec(unit)![1]!.split(/\s+/);
    expect(words.filter((word) => word.startsWith('--cap-add=')).sort()).toEqual(
      capabilities.map((name) => `--cap-add=${name}`).sort(),
    );
    expect(words).toEqual(expect.arrayContaining(['--net=host', '--read-only', '--cap-drop=ALL', '--rm']));
    for (const [inside, outside] of Object.entries(hostMounts)) {
      expect(
        words.some((word) => word.startsWith(`${outside}:${inside}`)),
        inside,
      ).toBe(true);
    }
  });
});
