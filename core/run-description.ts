import { clipped } from "./clip.js";
import { formatDuration } from "./duration.js";
import type { RunInput } from "./input.js";
import { formatUsd } from "./money.js";

type MemoKey = "wfloAsked" | "wfloBudget" | "wfloLimits" | "wfloApprovals" | "wfloLabels";

/** What a run was asked for, and within what, as options of Temporal's for its start. For people: nobody computes with it. */
export interface RunDescription {
  /** Its title in lists. */
  readonly staticSummary: string;
  /** Shown by the Web UI and `temporal workflow describe`, over all of its histories. */
  readonly memo: Readonly<Partial<Record<MemoKey, string>>>;
}

const TITLE_BYTES = 150;
/** A memo is copied into the namespace's index and into each history: a line each, not documents. */
const LINE_BYTES = 300;

export function describeRun(input: RunInput): RunDescription {
  const labels = Object.entries(input.labels).map(([name, value]) => `${name}=${value}`);
  return {
    staticSummary: line([`${input.agent}: ${askedOf(input)}`], TITLE_BYTES),
    memo: {
      wfloAsked: line([askedOf(input)]),
      wfloBudget: line(budgetOf(input)),
      wfloLimits: line(limitsOf(input)),
      wfloApprovals: line(approvalsOf(input)),
      ...(labels.length > 0 ? { wfloLabels: line(labels) } : {}),
    },
  };
}

function line(parts: readonly string[], mostBytes = LINE_BYTES): string {
  // What is asked may be a megabyte.
  const start = parts.join(", ").slice(0, 4 * mostBytes);
  return clipped(start.replaceAll(/[\s\p{Cc}]+/gu, " ").trim(), mostBytes);
}

function askedOf({ input, fork }: RunInput): string {
  const said = typeof input === "string" ? input : input?.ref;
  if (!fork) return said ?? "";
  const from = `${fork.transcript}${fork.turn === undefined ? "" : `, after its turn ${fork.turn}`}`;
  return `${said === undefined ? "" : `${said} `}(goes on from ${from})`;
}

function budgetOf({ budget, account }: RunInput): readonly string[] {
  const payer = account === undefined ? [] : [`account ${account} pays`];
  if (!budget) return [...payer, ...(account === undefined ? ["the agent's own"] : [])];
  const { limitNanoUsd, softLimitNanoUsd, onExhausted } = budget;
  return [
    ...(limitNanoUsd === null ? [] : [`at most $${formatUsd(limitNanoUsd)}`]),
    ...(softLimitNanoUsd === undefined ? [] : [`a warning at $${formatUsd(softLimitNanoUsd)}`]),
    `then: ${onExhausted}`,
    ...payer,
  ];
}

function limitsOf({ maxTurns, limits }: RunInput): readonly string[] {
  const { toolCalls, wallTimeMs, tokens, sameCall } = limits;
  return [
    `${maxTurns} turns`,
    ...(toolCalls === undefined ? [] : [`${toolCalls} tool calls`]),
    ...(tokens === undefined ? [] : [`${tokens} tokens`]),
    ...(wallTimeMs === undefined ? [] : [formatDuration(wallTimeMs)]),
    ...(sameCall === undefined ? [] : [`the same call ${sameCall} times`]),
  ];
}

function approvalsOf({ approvals }: RunInput): readonly string[] {
  const { default: rule, tools, approvers, quorum, identity, timeoutMs, onTimeout, escalateTo } = approvals;
  const which = { unsafe: "tools that are not safe", always: "every tool", never: "no tool" }[rule];
  return [
    `asks before ${which}`,
    ...Object.entries(tools).map(([tool, when]) => `${tool} ${when}`),
    ...(approvers.length > 0 ? [`by ${approvers.join(" or ")}`] : []),
    ...(quorum > 1 ? [`${quorum} people`] : []),
    ...(identity === "verified" ? ["signed"] : []),
    ...(timeoutMs === undefined ? [] : [`within ${formatDuration(timeoutMs)}, else ${onTimeout}`]),
    ...(onTimeout === "escalate" && timeoutMs !== undefined ? [`to ${escalateTo.join(" or ")}`] : []),
  ];
}
