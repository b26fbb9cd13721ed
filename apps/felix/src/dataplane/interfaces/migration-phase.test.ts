import { expect, test } from 'vitest';
import { nextPhase, routingOf, type MigrationEvent, type MigrationPhase } from './migration-phase.ts';

test.each<[string, readonly MigrationEvent[], readonly (typeof routingOf)[MigrationPhase][]]>([
  ['a move that is heard of', ['begins', 'announced', 'ends', 'settled'], ['none', 'elevated', 'elevated', 'normal']],
  ['a move that nobody hears of', ['begins', 'ends', 'settled'], ['none', 'elevated', 'normal']],
  [
    'announcements at other times',
    ['announced', 'begins', 'announced', 'announced'],
    ['normal', 'none', 'elevated', 'elevated'],
  ],
  [
    'a second move before the first has settled',
    ['begins', 'ends', 'begins', 'settled'],
    ['none', 'elevated', 'none', 'none'],
  ],
  [
    'a machine that moves on before the others have heard of it here',
    ['begins', 'announced', 'departs', 'ends'],
    ['none', 'elevated', 'normal', 'normal'],
  ],
  ['an endpoint that goes before the machine came', ['begins', 'departs', 'ends'], ['none', 'normal', 'normal']],
])('%s', (_, events, routings) => {
  let phase: MigrationPhase = 'base';
  const seen = events.map((event) => {
    phase = nextPhase(phase, event);
    return routingOf[phase];
  });
  expect(seen).toEqual(routings);
});
