/**
 * Hostile input for the BGP codec and for a live session of bgp-daemon:
 *
 *   node tools/bench/bgp-fuzz.ts [--codec 1000000] [--live 200000] [--seed 1]
 *
 * Messages are made at random and then damaged. Nothing may throw; what a damaged UPDATE is understood as
 * must survive encoding and decoding; a witness session with the daemon must not notice anything. The live
 * part needs root (network namespaces). Exit code 1: something did not hold.
 */
import { parseArgs } from 'node:util';
import { bundleAll } from '../build/bundle.ts';
import { fuzzCodec } from './bgp/fuzz-codec.ts';
import { fuzzSession } from './bgp/fuzz-session.ts';
import { cleanUpWhenInterrupted } from './bgp/network.ts';

cleanUpWhenInterrupted();
const { values } = parseArgs({
  options: {
    codec: { type: 'string', default: '1000000' },
    live: { type: 'string', default: '200000' },
    seed: { type: 'string', default: '1' },
  },
});
const seed = Number(values.seed);
const started = performance.now();
const seconds = (): string => ((performance.now() - started) / 1000).toFixed(0);
const codec = fuzzCodec(Number(values.codec), seed);
process.stdout.write(`codec: ${JSON.stringify(codec)} after ${seconds()} s\n`);
if (Number(values.live) > 0) {
  await bundleAll(['bgp-daemon']);
  const live = await fuzzSession(Number(values.live), seed);
  process.stdout.write(`live session: ${JSON.stringify(live)} after ${seconds()} s\n`);
}
