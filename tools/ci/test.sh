#!/bin/sh
# Everything that `make test` promises: types, lint and boundaries, unit, property and integration tests.
# Closes with one line: N passed, N failed, N skipped.
set -u
cd "$(dirname "$0")/../.."
status=0
rm -f dist/test-summary
started=$(date +%s)

step() {
  name=$1
  shift
  echo "== $name"
  "$@" || {
    status=1
    echo "== $name failed" >&2
  }
}

step types tsc -p tsconfig.json
step "lint and boundaries" sh -c 'nx show projects >/dev/null && eslint . && prettier --check --log-level warn .'
step tests vitest run --reporter=default --reporter=./tools/ci/summary-reporter.ts "$@"
echo "== took $(($(date +%s) - started)) s"
[ "$status" = 0 ] || echo "== FAILED" >&2
[ ! -f dist/test-summary ] || cat dist/test-summary
exit $status
