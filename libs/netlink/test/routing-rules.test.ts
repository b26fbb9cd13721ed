import { expect, test } from 'vitest';
import { addRule, deleteRule, RouteMonitor, RouteSocket, type RouteEvent } from '../src/index.ts';
import { scratchNetns, until } from './scratch.ts';

test.each([4, 6] as const)('IPv%i rules are added, listed, told of and deleted', async (family) => {
  using netns = scratchNetns();
  using socket = RouteSocket.open({ netns: netns.name });
  const events: RouteEvent[] = [];
  using _monitor = RouteMonitor.open({
    netns: netns.name,
    groups: ['rule'],
    onEvent: (event) => {
      events.push(event);
    },
    onOverrun: () => undefined,
  });
  const others = socket.listRules(family);
  const mark = { value: 0x200000, mask: 0x200000 };
  const marked = { family, priority: 99, table: 1, mark, isInverted: true };
  const plain = { family, priority: 100, table: 1000 };
  expect(socket.execute([addRule({ ...marked, protocol: 80 }), addRule(plain)])).toEqual([undefined, undefined]);
  expect(socket.execute([addRule({ ...marked, protocol: 80 })])[0]).toMatchObject({ code: 'EEXIST' });
  expect(socket.listRules(family).filter(({ priority }) => [99, 100].includes(priority))).toEqual([marked, plain]);
  socket.apply([deleteRule(marked), deleteRule(plain)]);
  expect(socket.listRules(family)).toEqual(others);
  expect(socket.execute([deleteRule(marked)])[0]).toMatchObject({ code: 'ENOENT' });
  await until(() => events.length === 4);
  expect(events.map(({ action }) => action)).toEqual(['set', 'set', 'delete', 'delete']);
  expect(events[0]).toMatchObject({ object: 'rule', rule: marked, originPortId: socket.portId });
});
