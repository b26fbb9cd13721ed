#!/bin/sh
# The long run of what `make test` samples: random policy sets and packets, decided by the evaluator, by the rules'
# interpreter, and by the kernel under each packet filter driver; and drivers killed while packets flow. As root.
# Usage: tools/ci/night.sh [CASES]; CALICO_EQUIVALENCE_SEED repeats a run.
set -eu
cd "$(dirname "$0")/../.."
CALICO_EQUIVALENCE_RUNS=${1:-100000}
export CALICO_EQUIVALENCE_RUNS
PATH=$PWD/node_modules/.bin:$PATH
vitest run --project unit apps/felix/src/rules/equivalence.test.ts
vitest run --project integration apps/felix/test/kernel-equivalence.test.ts
CALICO_KILLS=100 vitest run --project integration apps/felix/test/killed-driver.test.ts
