import { Backoff, sleep, type Health, type ServiceContext } from '@calico-node/service';
import { requestEc2 } from './ec2-request.ts';
import { InstanceMetadata } from './instance-metadata.ts';

const tryLimitMs = 20_000;
const backoffMs = { least: 30_000, most: 480_000 };
/** As Calico's Felix calls it in its health reports. */
const healthName = 'aws-source-destination-check';

export interface CheckOptions {
  /** Whether the cloud is to drop what is not from or to an address that it knows of this instance. */
  readonly isChecked: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Pick<ServiceContext['log'], 'info' | 'warn'>;
  readonly health: Pick<Health, 'register'>;
  readonly signal: AbortSignal;
  /** For tests. */
  readonly backoff?: Backoff;
}

/**
 * Switches the source and destination check of this instance's first network interface on or off (`AWSSrcDstCheck`,
 * Calico's documented behaviour): while it is on, the cloud drops packets of workloads that are not encapsulated. Tried
 * again until it has worked; until then Felix is not ready.
 *
 * The credentials are `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` (with `AWS_SESSION_TOKEN`), else those of the
 * instance's role, which has to allow `ec2:ModifyNetworkInterfaceAttribute`.
 */
export async function setSourceDestinationCheck(options: CheckOptions): Promise<void> {
  const { isChecked, log, health, signal } = options;
  const backoff = options.backoff ?? new Backoff(backoffMs.least, backoffMs.most);
  const reporter = health.register(healthName);
  reporter.report({ ready: false, reason: 'the source and destination check of EC2 is being set' });
  for (;;) {
    try {
      const networkInterface = await setOnce(options);
      log.info({ networkInterface, isChecked }, "EC2's source and destination check is set");
      reporter.report({ ready: true });
      return;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      reporter.report({ ready: false, reason: `EC2's source and destination check could not be set: ${reason}` });
      log.warn({ err: error }, "could not set EC2's source and destination check");
    }
    await sleep(backoff.nextMs(), signal);
    if (signal.aborted) break;
  }
  // Nobody waits for it any more.
  reporter.report({ ready: true });
}

/** Gives the id of the interface. */
async function setOnce({ isChecked, env, signal }: CheckOptions): Promise<string> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(tryLimitMs)]);
  const metadata = await InstanceMetadata.open(env, limit);
  const [region, domain, networkInterface] = await Promise.all([
    metadata.region(),
    metadata.domain(),
    metadata.primaryInterface(),
  ]);
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: sessionToken } = env;
  const credentials =
    id !== undefined && secret !== undefined
      ? { accessKeyId: id, secretAccessKey: secret, ...(sessionToken === undefined ? {} : { sessionToken }) }
      : await metadata.credentials();
  const endpoint = new URL(env['AWS_ENDPOINT_URL_EC2'] ?? `https://ec2.${region}.${domain}/`);
  await requestEc2(
    { endpoint, region, credentials },
    'ModifyNetworkInterfaceAttribute',
    { NetworkInterfaceId: networkInterface, 'SourceDestCheck.Value': String(isChecked) },
    limit,
  );
  return networkInterface;
}
