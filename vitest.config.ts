import { defineConfig } from 'vitest/config';

/**
 * `unit`: pure code, beside the source. `integration`: what needs a kernel, etcd or another daemon,
 * in each project's `test/` folder; it runs as root and makes its own namespaces. Real daemons meet there on a
 * machine of any load: a test that fails is run once more, and tools/ci/summary-reporter.ts names each that needed it.
 */
export default defineConfig({
  test: {
    pool: 'forks',
    // Most of an integration test is waiting; its own namespaces keep it apart from the other.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{apps,libs,tools}/**/src/**/*.test.ts', 'tools/**/*.test.ts'],
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['{apps,libs}/*/test/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          retry: 1,
        },
      },
    ],
  },
});
