import { machineHandle } from '@calico-node/ipam';
import { cidrOf } from '@calico-node/net';
import type { Answer, Call } from '../server/frame.ts';
import { CniError, cniCodes, renderError } from '../spec/cni-error.ts';
import { parseEnvironment, type Environment } from '../spec/environment.ts';
import { decodeDocument, parseNetworkConfig, type NetworkConfig } from '../spec/network-config.ts';
import { emptyResult, renderResult } from '../spec/result.ts';
import { isAtLeast, isSupportedVersion, newestVersion, renderVersion, type CniVersion } from '../spec/version.ts';
import { ipamHandle } from '../endpoint/workload.ts';
import { attach } from './add.ts';
import { assignOwn, releaseOwn } from './addresses.ts';
import { identifyCall, type AttachmentCall } from './call.ts';
import { check } from './check.ts';
import type { HandlerContext } from './context.ts';
import { detach } from './del.ts';
import { describeError } from './describe-error.ts';
import { machineWish } from './describe-workload.ts';
import { collectGarbage } from './gc.ts';
import { checkStatus } from './status.ts';
import { testConnection, testVariable } from './test-connection.ts';

/** The commands that change something: an operator wants to see them. */
const changing: ReadonlySet<string> = new Set(['ADD', 'DEL', 'GC']);

/** The version from which a command exists. */
const commandSince = { CHECK: '0.4.0', GC: '1.1.0', STATUS: '1.1.0' } as const satisfies Record<string, CniVersion>;

/** The addresses that `calico-ipam` gives when another network plug-in execs it, and their networks as routes. */
async function ipamAdd(call: AttachmentCall): Promise<string> {
  const wish = await machineWish(call);
  const ips = await assignOwn(call, wish);
  // A virtual machine that moves here is not routed here yet.
  const isMoving = (wish.machine?.migrationUid ?? '') !== '';
  const routes = isMoving ? [] : ips.map(({ ip, prefixLength }) => ({ destination: cidrOf(ip, prefixLength) }));
  return renderResult({ ...emptyResult, ips, routes }, call.config.cniVersion);
}

/** CHECK of `calico-ipam`: the attachment holds the addresses that `prevResult` says. */
async function ipamCheck(call: AttachmentCall): Promise<void> {
  const { config, attachment, workload, store, signal } = call;
  const { machine } = await machineWish(call);
  const handle =
    machine === undefined
      ? ipamHandle(config.name, attachment.containerId, attachment.ifName)
      : machineHandle(config.name, workload.namespace, machine.name);
  const held = await store.addresses.held(handle, signal);
  for (const { ip } of config.prevResult?.ips ?? []) {
    if (!held.some((address) => address.ip === ip)) {
      throw new CniError(cniCodes.failed, `IPAM does not hold ${ip} for ${handle}`, {
        details: `it holds ${held.map((address) => address.ip).join(', ') || 'nothing'}`,
      });
    }
  }
}

async function runOnAttachment(
  call: AttachmentCall,
  program: Call['program'],
  command: 'ADD' | 'DEL' | 'CHECK',
): Promise<string> {
  const isIpam = program === 'calico-ipam';
  switch (command) {
    case 'ADD':
      return isIpam ? ipamAdd(call) : renderResult(await attach(call), call.config.cniVersion);
    case 'DEL':
      await (isIpam ? releaseOwn(call) : detach(call));
      return '';
    case 'CHECK':
      await (isIpam ? ipamCheck(call) : check(call));
      return '';
  }
}

async function runCommand(
  { program, variables }: Call,
  environment: Exclude<Environment, { command: 'VERSION' }>,
  config: NetworkConfig,
  context: HandlerContext,
  signal: AbortSignal,
): Promise<string> {
  switch (environment.command) {
    case 'GC':
      await collectGarbage({ config, pluginPath: environment.pluginPath, variables, context, signal });
      return '';
    case 'STATUS':
      await checkStatus({ config, pluginPath: environment.pluginPath, variables, context, signal }, program);
      return '';
    default: {
      const { attachment, pluginPath, command } = environment;
      const call = identifyCall({ config, attachment, pluginPath, variables, context, signal });
      return runOnAttachment(call, program, command);
    }
  }
}

function requireCommand(command: string, version: CniVersion): void {
  const since = Object.entries(commandSince).find(([name]) => name === command)?.[1];
  if (since !== undefined && !isAtLeast(version, since)) {
    throw new CniError(
      cniCodes.incompatibleVersion,
      `${command} needs CNI version ${since}; the configuration has ${version}`,
    );
  }
}

/**
 * Does what one exec of a plug-in asks for. Never rejects: whatever goes wrong is the error object of the
 * specification and exit code 1.
 */
export async function handleCall(call: Call, own: HandlerContext, signal: AbortSignal): Promise<Answer> {
  let version: CniVersion = newestVersion;
  let context = own;
  const { CNI_COMMAND: command = '', CNI_CONTAINERID: container, CNI_IFNAME: ifName } = call.variables;
  const startedMs = performance.now();
  try {
    if (call.variables[testVariable] === '1') {
      await testConnection(call.stdin, own, signal);
      return { stdout: '', exitCode: 0 };
    }
    const environment = parseEnvironment(call.variables);
    if (environment.command === 'VERSION') {
      const requested = call.stdin.trim() === '' ? undefined : decodeDocument(call.stdin)['cniVersion'];
      return { stdout: `${renderVersion(requested)}\n`, exitCode: 0 };
    }
    const document = decodeDocument(call.stdin);
    if (isSupportedVersion(document['cniVersion'])) version = document['cniVersion'];
    const config = parseNetworkConfig(document);
    version = config.cniVersion;
    context = { ...own, log: own.callLogs.of(config.log) };
    requireCommand(environment.command, version);
    const output = await runCommand(call, environment, config, context, signal);
    const facts = { command, container, ifName, durationMs: Math.round(performance.now() - startedMs) };
    const { log } = context;
    // The runtime waits for the answer, nobody for the line.
    setImmediate(() => {
      log[changing.has(command) ? 'info' : 'debug'](facts, 'served a CNI call');
    });
    return { stdout: output === '' ? '' : `${output}\n`, exitCode: 0 };
  } catch (error) {
    const failure = signal.aborted
      ? new CniError(cniCodes.tryAgainLater, 'the call took too long and was given up', { cause: error })
      : describeError(error);
    context.log.warn({ err: error, code: failure.code, command, container, ifName }, 'a CNI call failed');
    return { stdout: `${renderError(failure, version)}\n`, exitCode: 1, errorCode: failure.code };
  }
}
