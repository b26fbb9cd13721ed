import { describe, expect, test } from 'vitest';
import { parseBirdPeers, parseBirdSessions } from './peers.ts';
import { parseReply } from './reply.ts';
import { parseBirdRoutes } from './routes.ts';
import { parseBirdStatus } from './status.ts';

const linesOf = (...received: string[]) => parseReply(`${received.join('\n')}\n`).lines;

describe('an answer of BIRD', () => {
  test('is complete with the line that has no dash after its code', () => {
    expect(parseReply('0001 BIRD 2.0.12 ready.\n').isComplete).toBe(true);
    expect(parseReply('1000-BIRD 2.0.12\n Hostname is a\n').isComplete).toBe(false);
  });

  test('is not complete while its last line is', () => {
    expect(parseReply('1000-BIRD 2.0.12\n0013 Dae').isComplete).toBe(false);
  });

  test('has the code of the line before where a line has none, and no messages for everybody', () => {
    expect(linesOf('1002-one', ' two', '+a message', '0000 ')).toEqual([
      { code: 1002, text: 'one' },
      { code: 1002, text: 'two' },
      { code: 0, text: '' },
    ]);
  });
});

test('the status is read, and whether a restart goes on', () => {
  const lines = [
    '1000-BIRD 2.0.12',
    '1011-Router ID is 10.9.0.1',
    ' Hostname is a',
    ' Current server time is 2026-11-21 04:57:25.193',
    ' Last reboot on 2026-11-21 04:57:17.840',
    ' Last reconfiguration on 2026-11-21 04:58:00.000',
  ];
  const status = {
    version: '2.0.12',
    routerId: '10.9.0.1',
    lastBoot: '2026-11-21 04:57:17.840',
    lastReconfiguration: '2026-11-21 04:58:00.000',
  };
  expect(parseBirdStatus(linesOf(...lines, '0013 Daemon is up and running'))).toEqual({
    ...status,
    isRecovering: false,
  });
  const recovering = ['0024-Graceful restart recovery in progress', '   Waiting for 2 channels to recover'];
  expect(parseBirdStatus(linesOf(...lines, ...recovering, '0013 Daemon is up and running'))).toEqual({
    ...status,
    isRecovering: true,
  });
});

describe('sessions', () => {
  const answer = [
    '2002-Name       Proto      Table      State  Since         Info',
    '1002-device1    Device     ---        up     04:57:17.840  ',
    '1006-',
    '1002-Mesh_10_9_0_2 BGP        ---        up     04:59:05.886  Established   ',
    '1006-  BGP state:          Established',
    '     Neighbor address: 10.9.0.2',
    '     Neighbor AS:      64512',
    '   Channel ipv4',
    '     State:          UP',
    '     Routes:         12 imported, 1 filtered, 3 exported, 11 preferred',
    ' ',
    '1002-Global_fd00__1_port_1790 BGP        ---        start  2026-11-20    Active        Socket: Connection refused',
    '1006-  BGP state:          Active',
    '     Neighbor address: fd00::1',
    '     Last error:       Socket: Connection refused',
    ' ',
    '1002-Node_fe80__1 BGP        ---        start  04:57:17.840  Passive       ',
    '1006-  BGP state:          Passive',
    '     Neighbor address: fe80::1%eth0',
    ' ',
    '1002-somebodys BGP        ---        up     04:59:05.886  Established   ',
    '1006-  BGP state:          Established',
    '     Neighbor address: 10.9.0.7',
    '0000 ',
  ];

  test('of others are read as well, without a type', () => {
    expect(parseBirdSessions(linesOf(...answer)).map(({ name, type }) => [name, type])).toContainEqual([
      'somebodys',
      undefined,
    ]);
  });

  test('of confd are read with their state and the last error', () => {
    const none = { remoteAs: 0, imported: 0, exported: 0, lastError: '' };
    expect(parseBirdPeers(linesOf(...answer))).toEqual([
      {
        name: 'Mesh_10_9_0_2',
        type: 'mesh',
        address: '10.9.0.2',
        state: 'up',
        since: '04:59:05.886',
        info: 'Established',
        sessionState: 'Established',
        remoteAs: 64512,
        imported: 12,
        exported: 3,
        lastError: '',
      },
      {
        name: 'Global_fd00__1_port_1790',
        type: 'global',
        address: 'fd00::1',
        state: 'start',
        since: '2026-11-20',
        info: 'Active Socket: Connection refused',
        sessionState: 'Active',
        ...none,
        lastError: 'Socket: Connection refused',
      },
      {
        name: 'Node_fe80__1',
        type: 'node',
        address: 'fe80::1',
        state: 'start',
        since: '04:57:17.840',
        info: 'Passive',
        sessionState: 'Passive',
        ...none,
      },
    ]);
  });
});

test('routes are read with the first of their next hops', () => {
  const lines = linesOf(
    '1007-Table master4:',
    ' 10.65.1.0/26         unicast [Mesh_10_9_0_2 04:59:06.026 from 10.9.0.3] * (100/?) [i]',
    ' \tvia 10.9.0.2 on eth0',
    ' \tvia 10.9.0.4 on eth1',
    '                      unicast [Mesh_10_9_0_3 04:59:06.026] (100/?) [i]',
    ' \tvia 10.9.0.3 on eth0',
    ' 10.65.0.0/26         blackhole [static1 04:59:01.505] * (200)',
    ' 10.9.0.0/24          unicast [direct1 04:59:01.505] * (240)',
    ' \tdev eth0',
    '0000 ',
  );
  const none = { gateway: undefined, interfaceName: undefined, from: undefined, isStale: false, attributes: new Map() };
  expect(parseBirdRoutes(lines)).toEqual([
    {
      destination: '10.65.1.0/26',
      protocol: 'Mesh_10_9_0_2',
      from: '10.9.0.3',
      isBest: true,
      isStale: false,
      preference: 100,
      attributes: new Map(),
      gateway: '10.9.0.2',
      interfaceName: 'eth0',
    },
    {
      ...none,
      destination: '10.65.1.0/26',
      protocol: 'Mesh_10_9_0_3',
      isBest: false,
      preference: 100,
      gateway: '10.9.0.3',
      interfaceName: 'eth0',
    },
    { ...none, destination: '10.65.0.0/26', protocol: 'static1', isBest: true, preference: 200 },
    { ...none, destination: '10.9.0.0/24', protocol: 'direct1', isBest: true, preference: 240, interfaceName: 'eth0' },
  ]);
});

test('attributes of BGP are read where they are told, and that a route is kept for a restart', () => {
  const lines = linesOf(
    '1007-Table master4:',
    ' 10.65.1.0/26         unicast [Node_10_9_0_2 04:59:06.026] * (100s) [AS65001i]',
    ' \tvia 10.9.0.2 on eth0',
    '1008-\tType: BGP univ',
    '1012-\tBGP.origin: IGP',
    ' \tBGP.as_path: 65001 65002',
    ' \tBGP.community: (65000,1) (65000,2)',
    '0000 ',
  );
  const [route] = parseBirdRoutes(lines);
  expect(route).toMatchObject({ gateway: '10.9.0.2', isStale: true, preference: 100 });
  expect(Object.fromEntries(route?.attributes ?? [])).toEqual({
    origin: 'IGP',
    as_path: '65001 65002',
    community: '(65000,1) (65000,2)',
  });
});
