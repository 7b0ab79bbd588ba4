import type { RunChange } from "../client/index.js";
import { formatUsd, type NanoUsd, toNanoUsd } from "../core/money.js";

/** Where a run stands, in what a line of progress says. */
export interface RunProgress {
  readonly turn: number;
  /** What it is doing. */
  readonly doing: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Spent, and what may have been. */
  readonly nanoUsd: NanoUsd;
  /** Null: no budget, or none is known yet. */
  readonly limitNanoUsd: NanoUsd | null;
}

export const AT_START: RunProgress = {
  turn: 0,
  doing: "starting",
  inputTokens: 0,
  outputTokens: 0,
  nanoUsd: toNanoUsd(0),
  limitNanoUsd: null,
};

export function progressAfter(before: RunProgress, change: RunChange): RunProgress {
  switch (change.kind) {
    case "thinking":
      return { ...before, turn: change.turn, doing: `${change.model} is thinking` };
    case "answered": {
      const nanoUsd = toNanoUsd(before.nanoUsd + change.nanoUsd);
      const doing = change.toolCalls.length > 0 ? `asks for ${change.toolCalls.join(", ")}` : "answered";
      return { ...before, ...change.total, turn: change.turn, nanoUsd, doing };
    }
    case "unanswered":
      return { ...before, turn: change.turn, doing: `${change.model} did not answer` };
    case "tool":
      return change.stage === "running" ? { ...before, doing: `${change.tool} is running` } : before;
    case "gate":
      return change.gate.state === "pending"
        ? { ...before, doing: `${change.gate.gate} waits for a decision` }
        : before;
    case "status":
      return { ...before, doing: change.status.doing.replace(/^turn \d+: /, "") };
    case "budget": {
      const { spentNanoUsd, unconfirmedNanoUsd, limitNanoUsd } = change.budget;
      // The books know more than the answers do: attempts without one may have been billed.
      return { ...before, nanoUsd: toNanoUsd(spentNanoUsd + unconfirmedNanoUsd), limitNanoUsd };
    }
    case "continued":
    case "ended":
      return before;
  }
}

/** `turn 3 · python is running · 2,408→310 tokens · $0.0022 of $0.50` */
export function progressLine({ turn, doing, inputTokens, outputTokens, nanoUsd, limitNanoUsd }: RunProgress): string {
  const limit = limitNanoUsd === null ? "" : ` of $${formatUsd(limitNanoUsd)}`;
  return [
    ...(turn === 0 ? [] : [`turn ${turn}`]),
    doing,
    ...(inputTokens === 0 ? [] : [`${grouped(inputTokens)}→${grouped(outputTokens)} tokens`]),
    `$${formatUsd(nanoUsd)}${limit}`,
  ].join(" · ");
}

/** A change as a line of its own; undefined where it is not worth one. */
export function changeLine(change: RunChange): string | undefined {
  switch (change.kind) {
    case "thinking":
      return `turn ${change.turn}: ${change.model} is thinking${change.attempt > 1 ? ` (attempt ${change.attempt})` : ""}`;
    case "answered": {
      const { inputTokens, outputTokens } = change.usage;
      const asks = change.toolCalls.length > 0 ? ` · asks for ${change.toolCalls.join(", ")}` : "";
      const tokens = `${grouped(inputTokens)}→${grouped(outputTokens)} tokens`;
      const cost = change.unpriced ? "no price" : `$${formatUsd(change.nanoUsd)}`;
      return `turn ${change.turn}: answered · ${tokens} · ${cost}${asks}`;
    }
    case "unanswered":
      return `turn ${change.turn}: ${change.model} gave no answer (attempt ${change.attempt}): ${change.message}`;
    case "tool":
      return `tool ${change.tool}: ${change.stage}${change.message === undefined ? "" : `: ${change.message}`}`;
    case "gate":
      return gateLine(change.gate);
    case "status":
      // The gates tell of themselves.
      return ["running", "awaiting_approval"].includes(change.status.state)
        ? undefined
        : `${change.status.state}: ${change.status.doing}`;
    case "budget":
    case "continued":
      return undefined;
    case "ended":
      return `ended: ${change.end}`;
  }
}

function gateLine({ gate, title, state, decisions, quorum }: (RunChange & { kind: "gate" })["gate"]): string {
  const last = decisions.at(-1);
  const by = last ? ` by ${last.by}` : "";
  if (state !== "pending") return `gate ${gate}: ${state}${by}`;
  const approved = decisions.filter((one) => one.decision === "approve" && !("superseded" in one)).length;
  return `gate ${gate}: ${title}${approved > 0 ? ` (${approved} of ${quorum} have approved)` : ""}`;
}

/** `1,204` */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
