import type { ImportProblem } from '@calico-node/bgp';

/** What is counted of a session for its reports (RFC 7854 4.8), from its start. */
export class SessionStatistics {
  /** Routes that import filters rejected, each time one did. */
  rejected = 0;
  treatedAsWithdrawn = 0;
  clusterLoops = 0;
  asLoops = 0;
  originatorLoops = 0;

  /** An UPDATE could not be used. */
  note(problem: ImportProblem | 'leak' | undefined): void {
    // RFC 7606 7.2: what is malformed only by configuration.
    if (problem === 'first-as') this.treatedAsWithdrawn++;
    else if (problem === 'as-loop') this.asLoops++;
    else if (problem === 'cluster-loop') this.clusterLoops++;
    else if (problem === 'own-originator') this.originatorLoops++;
  }
}
