import { digestOf } from "./digest.js";
import { formatDuration } from "./duration.js";

/** What ends a run besides money; undefined: no limit. */
export interface RunLimits {
  readonly toolCalls?: number;
  readonly wallTimeMs?: number;
  readonly tokens?: number;
  /** How often the same tool may be called with the same arguments; counted over a call and the 50 before it. At most 50. */
  readonly sameCall?: number;
}

/** Counts against the limits: constant size. */
export interface LimitCounts {
  readonly startedAtMs: number;
  readonly toolCalls: number;
  readonly tokens: number;
  /** Short digests of the last calls, oldest first. */
  readonly lastCalls: readonly string[];
}

/** The call that is about to be made and the 50 before it: the largest `sameCall` can still be passed. */
const CALLS_REMEMBERED = 51;

export function openCounts(startedAtMs: number): LimitCounts {
  return { startedAtMs, toolCalls: 0, tokens: 0, lastCalls: [] };
}

export function countCall(counts: LimitCounts, call: { readonly name: string; readonly args: unknown }): LimitCounts {
  const digest = digestOf({ name: call.name, args: call.args }).slice("sha256:".length, "sha256:".length + 16);
  const lastCalls = [...counts.lastCalls.slice(1 - CALLS_REMEMBERED), digest];
  return { ...counts, toolCalls: counts.toolCalls + 1, lastCalls };
}

/** The first limit that is passed, in words; the counts include the call that is about to be made. */
export function checkLimits(
  counts: LimitCounts,
  limits: RunLimits,
  nowMs: number,
): { readonly stopReason: string } | undefined {
  const last = counts.lastCalls.at(-1);
  const same = counts.lastCalls.filter((call) => call === last).length;
  if (limits.toolCalls !== undefined && counts.toolCalls > limits.toolCalls) {
    return { stopReason: `toolCalls: the run may make ${limits.toolCalls} tool calls` };
  }
  if (limits.sameCall !== undefined && same > limits.sameCall) {
    return {
      stopReason: `sameCall: the same tool was called with the same arguments ${limits.sameCall} times, and again`,
    };
  }
  if (limits.tokens !== undefined && counts.tokens >= limits.tokens) {
    return { stopReason: `tokens: ${counts.tokens} of ${limits.tokens} tokens are used` };
  }
  if (limits.wallTimeMs !== undefined && nowMs - counts.startedAtMs >= limits.wallTimeMs) {
    return { stopReason: `wallTime: the run may take ${formatDuration(limits.wallTimeMs)}` };
  }
  return undefined;
}
