import { bgpV1 } from '@calico-node/rpc';
import { describe, expect, it } from 'vitest';
import { asciiTable } from './ascii-table.ts';
import { peerTable } from './peer-table.ts';

const now = new Date(2026, 0, 2, 12, 0, 0);

function peer(address: string, fields: Partial<bgpV1.Peer>): bgpV1.Peer {
  return bgpV1.Peer.fromPartial({ address, type: bgpV1.PeerType.NODE_MESH, ...fields });
}

describe('the table of BGP sessions', () => {
  it("has Calico's layout, ordered by address", () => {
    const at = (hour: number, day = 2): bigint => BigInt(new Date(2026, 0, day, hour, 5, 24).getTime());
    const table = peerTable(
      [
        peer('172.17.8.110', {
          state: bgpV1.SessionState.ACTIVE,
          sinceUnixMillis: at(11),
          lastError: 'Socket: Connection refused',
          type: bgpV1.PeerType.GLOBAL,
        }),
        peer('172.17.8.102', { state: bgpV1.SessionState.ESTABLISHED, sinceUnixMillis: at(9), lastError: 'old news' }),
        peer('172.17.8.21', {
          state: bgpV1.SessionState.ESTABLISHED,
          sinceUnixMillis: at(9, 1),
          type: bgpV1.PeerType.NODE,
        }),
      ],
      now,
    );
    expect(table).toBe(
      `+--------------+-------------------+-------+------------+-----------------------------------+
| PEER ADDRESS |     PEER TYPE     | STATE |   SINCE    |               INFO                |
+--------------+-------------------+-------+------------+-----------------------------------+
| 172.17.8.21  | node specific     | up    | 2026-01-01 | Established                       |
| 172.17.8.102 | node-to-node mesh | up    | 09:05:24   | Established                       |
| 172.17.8.110 | global            | start | 11:05:24   | Active Socket: Connection refused |
+--------------+-------------------+-------+------------+-----------------------------------+
`,
    );
  });
});

describe('an ASCII table', () => {
  it('puts numbers to the right and centres headings with the odd space on the right', () => {
    expect(asciiTable(['Grouping', 'CIDR', 'IPs Total'], [['IP Pool', '10.65.0.0/16', '65536']])).toBe(
      `+----------+--------------+-----------+
| GROUPING |     CIDR     | IPS TOTAL |
+----------+--------------+-----------+
| IP Pool  | 10.65.0.0/16 |     65536 |
+----------+--------------+-----------+
`,
    );
  });
});
