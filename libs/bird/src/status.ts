import type { ReplyLine } from './reply.ts';

/** What `show status` says. */
export interface BirdStatus {
  /** `2.0.12`. */
  readonly version: string;
  readonly routerId: string;
  /** As BIRD writes times; empty when it does not say. */
  readonly lastBoot: string;
  readonly lastReconfiguration: string;
  /** After a restart: routes of before are kept until the neighbours have repeated theirs. */
  readonly isRecovering: boolean;
}

const recoveryCode = 24;

/** Reads the answer to `show status`. */
export function parseBirdStatus(lines: readonly ReplyLine[]): BirdStatus {
  const after = (words: string): string => {
    const line = lines.find(({ text }) => text.startsWith(words));
    return line?.text.slice(words.length).trim() ?? '';
  };
  return {
    version: after('BIRD '),
    routerId: after('Router ID is '),
    lastBoot: after('Last reboot on '),
    lastReconfiguration: after('Last reconfiguration on '),
    isRecovering: lines.some(({ code }) => code === recoveryCode),
  };
}
