/** Those that Calico's summaries have. */
export const summaryQuantiles: readonly number[] = [0.5, 0.9, 0.99];
