import { GenericContainer, type StartedTestContainer, Wait } from 'testcontainers';
import { importTree } from './box-image.ts';
import { run } from './child.ts';
import { type Engine } from './docker-engine.ts';
import { onPath } from './on-path.ts';

/** Names the image of etcd that tests run, for instance coreos/etcd:v3.5.21; without it, Debian's etcd. */
export const etcdImageVariable = 'CALICO_TEST_ETCD_IMAGE';

const localImage = 'cnt-etcd:local';

/** The image that the environment names, or one of the machine's own etcd and the libraries that it loads: no pull. */
export async function etcdImage(engine: Engine): Promise<string> {
  const named = process.env[etcdImageVariable] ?? '';
  if (named !== '') return named;
  const etcd = onPath('etcd');
  if (etcd === undefined) throw new Error("there is no etcd (Debian's etcd-server)");
  const { stdout } = await run('ldd', [etcd]);
  const libraries = stdout.match(/\/\S+/g) ?? [];
  const script =
    'mkdir -p usr/bin data && cp "$1" usr/bin/etcd && shift && for file; do mkdir -p ".${file%/*}" && cp -L "$file" ".$file"; done';
  await importTree(engine, localImage, script, [etcd, ...libraries]);
  return localImage;
}

/** A real etcd in a container, started with testcontainers. */
export interface EtcdContainer extends AsyncDisposable {
  /** Where a client on the network, or on the engine's host, finds it. */
  readonly endpoint: string;
  readonly container: StartedTestContainer;
}

/** Starts etcd on a network of the engine, and resolves when it serves. */
export async function startEtcdContainer(engine: Engine, network: string): Promise<EtcdContainer> {
  // testcontainers reads these when it is first used; its own garbage collector would be an image to pull.
  Object.assign(process.env, engine.environment, {
    TESTCONTAINERS_RYUK_DISABLED: 'true',
    TESTCONTAINERS_HOST_OVERRIDE: '127.0.0.1',
  });
  const definition = new GenericContainer(await etcdImage(engine))
    .withNetworkMode(network)
    .withCommand([
      ...['etcd', '--data-dir', '/data', '--unsafe-no-fsync'],
      ...['--listen-client-urls', 'http://0.0.0.0:2379', '--advertise-client-urls', 'http://127.0.0.1:2379'],
    ])
    .withWaitStrategy(Wait.forLogMessage(/serving (?:insecure )?client (?:requests|traffic)/i));
  const container = await definition.start();
  const address = container.getIpAddress(network);
  return {
    endpoint: `http://${address}:2379`,
    container,
    [Symbol.asyncDispose]: async () => {
      await container.stop({ timeout: 5000 });
    },
  };
}
