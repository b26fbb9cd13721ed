import type { CheckedAllocation } from '@calico-node/ipam';
import { parseCidr, parseIp } from '@calico-node/net';
import { describe, expect, it } from 'vitest';
import { commonLeaks, guardReports } from './merge-reports.ts';
import { parseReport, renderReport, type HandleInfo, type Report, type ReportHeader } from './report.ts';

const header: ReportHeader = {
  version: 'v3.32.1',
  clusterGuid: 'g',
  isLocked: true,
  clusterInformationRevision: '7',
  clusterType: 'bgp',
};

function allocation(ip: string, fields: Partial<CheckedAllocation> = {}): CheckedAllocation {
  return {
    ip: parseIp(ip),
    block: parseCidr('10.0.0.0/26'),
    affinity: 'host:n1',
    attribute: {},
    sequenceNumber: 1n,
    handle: 'h',
    node: 'n1',
    isInUse: false,
    isCoolingDown: false,
    isBorrowed: false,
    isLoadBalancer: false,
    owners: [],
    ...fields,
  };
}

function report(allocations: readonly CheckedAllocation[], handles: readonly HandleInfo[] = []): Report {
  return parseReport(renderReport(header, allocations, handles));
}

describe('a report', () => {
  it('reads back what a release needs, with sequence numbers of any size', () => {
    const large = 18446744073709551615n;
    const text = renderReport(
      header,
      [allocation('10.0.0.1', { sequenceNumber: large })],
      [{ id: 'x', revision: '9' }],
    );
    expect(text).toContain('"sequenceNumber": 18446744073709551615');
    expect(text).toContain('"UID": null');
    expect(parseReport(text)).toEqual({
      ...header,
      allocations: [{ ip: '10.0.0.1', handle: 'h', sequenceNumber: large, isInUse: false, isCoolingDown: false }],
      leakedHandles: [{ id: 'x', revision: '9' }],
    });
  });

  it.each(['[]', '{', '{"version":1}', JSON.stringify({ ...header, clusterGUID: 'g', allocations: [] })])(
    'is not %s',
    (text) => {
      expect(() => parseReport(text)).toThrow(SyntaxError);
    },
  );
});

describe('common leaks', () => {
  it('are those of every report, under the same owner', () => {
    const first = report(
      ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'].map((ip) => allocation(ip)),
      [
        { id: 'a', revision: '1' },
        { id: 'b', revision: '1' },
      ],
    );
    const second = report(
      [
        allocation('10.0.0.1'),
        allocation('10.0.0.2', { isInUse: true }),
        allocation('10.0.0.3', { handle: 'other' }),
        allocation('10.0.0.5'),
      ],
      [
        { id: 'a', revision: '1' },
        { id: 'b', revision: '2' },
      ],
    );
    const leaks = commonLeaks([first, second]);
    expect(leaks.allocations.map(({ ip }) => ip)).toEqual(['10.0.0.1']);
    expect(leaks.handles).toEqual([{ id: 'a', revision: '1' }]);
    expect(commonLeaks([second, first])).toEqual(leaks);
    expect(commonLeaks([])).toEqual({ allocations: [], handles: [] });
  });

  it('are not addresses that cool down', () => {
    expect(commonLeaks([report([allocation('10.0.0.1', { isCoolingDown: true })])]).allocations).toEqual([]);
  });
});

describe('the guard', () => {
  const cluster = { version: 'v3.32.1', clusterGuid: 'g', clusterInformationRevision: '7', isLocked: true };
  const good = { ...report([]), file: 'f' };

  it('lets reports pass of which one is new', () => {
    expect(guardReports([{ ...good, clusterInformationRevision: '3' }, good], cluster, false)).toEqual({
      warnings: [],
    });
  });

  it('lets force pass over version and lock, not over another cluster or age', () => {
    const old = { ...good, version: 'v3.1.0' };
    expect(guardReports([old], cluster, false)).toHaveProperty('refusal');
    expect(guardReports([good], { ...cluster, isLocked: false }, false)).toHaveProperty('refusal');
    expect(guardReports([old], { ...cluster, isLocked: false }, true)).toMatchObject({
      warnings: [expect.stringContaining('version'), expect.stringContaining('locked')],
    });
    expect(guardReports([good], { ...cluster, clusterGuid: 'other' }, true)).toHaveProperty('refusal');
    expect(guardReports([good], { ...cluster, clusterInformationRevision: '8' }, true)).toHaveProperty('refusal');
  });
});
