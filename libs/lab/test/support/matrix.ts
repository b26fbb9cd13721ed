import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { deviations, type Expectation, type LabState, probeMatrix } from '../../src/index.ts';

/** Without a policy, all reach all. */
export const everything: Expectation = () => ({ icmp: true, tcp: true });

/** A policy for those labelled app=db. */
export const policy = (spec: string): string => `apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata:
  name: db
spec: ${spec}
`;
export const webOnly =
  "{selector: app == 'db', types: [Ingress], ingress: [{action: Allow, protocol: TCP, source: {selector: app == 'web'}}]}";
export const underWebOnly: Expectation = (source, target) =>
  target.labels['app'] === 'db' ? { icmp: false, tcp: source.labels['app'] === 'web' } : { icmp: true, tcp: true };
export const nobody = "{selector: app == 'db', types: [Ingress], ingress: []}";
export const underNobody: Expectation = (_, target) => {
  const open = target.labels['app'] !== 'db';
  return { icmp: open, tcp: open };
};

/** Waits until the matrix is as expected; fails with the deviations otherwise. */
export async function expectMatrixOf(state: LabState, expectation: Expectation, timeoutMs = 15_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const left = deviations(state, await probeMatrix(state), expectation);
    if (left.length === 0) return;
    if (Date.now() > deadline) expect(left).toEqual([]);
    await delay(100);
  }
}
