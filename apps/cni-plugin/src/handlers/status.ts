import { callUnary, connectUnix, felixV1 } from '@calico-node/rpc';
import { readNodeName } from '../node/node-facts.ts';
import { CniError, cniCodes } from '../spec/cni-error.ts';
import type { NetworkConfig } from '../spec/network-config.ts';
import { describeError } from './describe-error.ts';
import type { HandlerContext } from './context.ts';

const timeoutMs = 5_000;

async function felixState(socket: string, signal: AbortSignal): Promise<string | undefined> {
  const client = connectUnix(felixV1.FelixServiceClient, socket);
  try {
    const request = felixV1.GetStatusRequest.create();
    const status = await callUnary(client.getStatus.bind(client), request, { timeoutMs, signal });
    return status.inSync ? undefined : 'felix has not programmed its first snapshot of the store yet';
  } catch (error) {
    return `felix does not answer: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    client.close();
  }
}

/**
 * Whether an ADD could be served now.
 *
 * @throws CniError code 50 with everything that stands in its way.
 */
export async function checkStatus(config: NetworkConfig, context: HandlerContext, signal: AbortSignal): Promise<void> {
  const problems: string[] = [];
  try {
    readNodeName(config, context.paths);
  } catch (error) {
    problems.push(describeError(error).message);
  }
  try {
    const { endpoints } = context.stores.open(config.datastoreEnvironment);
    if (!(await endpoints.isReady({ signal, timeoutMs }))) {
      problems.push('the datastore is not ready (ClusterInformation default)');
    }
  } catch (error) {
    problems.push(describeError(error).message);
  }
  if (config.policySetupTimeoutSeconds === 0) {
    const problem = await felixState(context.paths.felixSocket, signal);
    if (problem !== undefined) problems.push(problem);
  }
  if (problems.length > 0) throw new CniError(cniCodes.notAvailable, problems.join('; '));
}
