/** Runs tasks, so many at a time; rejects with the first that does, when those under way have ended. */
export async function inParallel(tasks: readonly (() => Promise<void>)[], limit: number): Promise<void> {
  const queue = tasks.values();
  const workers = Array.from({ length: limit }, async () => {
    // All workers take from one iterator, so that each task is run once.
    for (const task of queue) await task();
  });
  const results = await Promise.allSettled(workers);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
