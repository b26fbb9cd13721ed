import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';
import { dist } from '../build/programs.ts';

/** Leaves the counts of a run in dist/test-summary, as `N passed, N failed, N skipped`, below those that passed at the second try only. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    const again: string[] = [];
    for (const module of modules) {
      if (module.errors().length > 0) count.failed += 1;
      for (const test of module.children.allTests()) {
        count[test.result().state] += 1;
        if (test.diagnostic()?.flaky === true)
          again.push(`passed at the second try only: ${module.relativeModuleId}: ${test.fullName}\n`);
      }
    }
    mkdirSync(dist, { recursive: true });
    const line = `${count.passed} passed, ${count.failed} failed, ${count.skipped + count.pending} skipped\n`;
    writeFileSync(join(dist, 'test-summary'), again.join('') + line);
  }
}
