/** A line of BIRD's answer. The code tells what kind of line it is; lines that continue another have its code. */
export interface ReplyLine {
  readonly code: number;
  readonly text: string;
}

/** Codes from here on say that the command failed. */
export const firstErrorCode = 8000;

export interface Reply {
  readonly lines: readonly ReplyLine[];
  /** Whether the line that ends an answer has come. */
  readonly isComplete: boolean;
}

/**
 * Reads what came over a control socket after a command (BIRD's `doc/reply_codes`): `1002-text` begins a line of
 * an answer that goes on, `0000 text` ends it, ` text` goes on with the code before, `+text` is a message for
 * everybody and left out.
 */
export function parseReply(received: string): Reply {
  const lines: ReplyLine[] = [];
  let code = 0;
  for (const line of received.split('\n').slice(0, -1)) {
    const match = /^(\d{4})([- ])(.*)$/.exec(line);
    if (match !== null) {
      code = Number(match[1]);
      lines.push({ code, text: match[3] ?? '' });
      if (match[2] === ' ') return { lines, isComplete: true };
    } else if (line.startsWith(' ')) {
      lines.push({ code, text: line.slice(1) });
    }
  }
  return { lines, isComplete: false };
}
