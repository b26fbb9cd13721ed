/** A packet filter driver that goes from one state to the other until it is killed: `flapping-driver.ts DRIVER NETNS`. */
import { argv, stdout } from 'node:process';
import { defaultRuleOptions } from '../../src/rules/options.ts';
import { drivers } from './drivers.ts';
import { start } from './intents.ts';
import { common, states } from './two-states.ts';

const [, , name = '', netns = ''] = argv;
const driver = drivers[name]?.({ netns, families: [4], rules: defaultRuleOptions });
if (driver === undefined) throw new Error(`there is no driver ${name}`);
driver.update([...start, ...common]);
for (let turn = 0; ; turn++) {
  driver.update(turn % 2 === 0 ? states.first : states.second);
  await driver.apply();
  stdout.write('.');
}
