import type { GateView, RunChange } from "../client/index.js";
import { formatDuration } from "../core/duration.js";
import { oneLine } from "./output.js";
import { changeLine } from "./run-progress.js";

/** A run of a thousand turns has a long story: its end is what is asked for. */
const LINES_SHOWN = 100;

interface Told {
  readonly at: string;
  readonly text: string;
}

/** What happened, a line each, oldest first: turns, tools with how long they took, gates with who and when, errors, the end. */
export function storyLines(changes: readonly RunChange[], gates: readonly GateView[]): readonly string[] {
  const told = [...changes.flatMap(tellChanges(changes)), ...gates.flatMap(tellGate)];
  // What has one time stays as it was told.
  told.sort((a, b) => compare(a.at, b.at));
  const lines = told.map(({ at, text }) => `${at.slice(0, 10)} ${at.slice(11, 19)}  ${oneLine(text)}`);
  if (lines.length <= LINES_SHOWN) return lines;
  return [`… ${lines.length - LINES_SHOWN} lines before (--json has them)`, ...lines.slice(-LINES_SHOWN)];
}

function tellChanges(changes: readonly RunChange[]): (change: RunChange, index: number) => Told[] {
  const began = new Map<string, string>();
  const ended = new Set(changes.flatMap((change) => (isToolEnd(change) ? [callOf(change)] : [])));
  return (change, index) => {
    const { at } = change;
    // What is over says it all; what goes on is told of.
    if (change.kind === "thinking" && index < changes.length - 1) return [];
    if (change.kind === "continued") return [{ at, text: "goes on in a new history" }];
    if (change.kind !== "tool") return plain(change);
    if (change.stage === "running") {
      began.set(callOf(change), at);
      return ended.has(callOf(change)) ? [] : plain(change);
    }
    const since = began.get(callOf(change));
    const took = since === undefined ? "" : ` in ${formatDuration(Math.max(1, Date.parse(at) - Date.parse(since)))}`;
    return [{ at, text: `${changeLine(change)}${took}` }];
  };
}

type ToolChange = RunChange & { readonly kind: "tool" };

function isToolEnd(change: RunChange): change is ToolChange {
  return change.kind === "tool" && change.stage !== "running";
}

function callOf({ turn, callId, tool }: ToolChange): string {
  return `${turn}/${callId}/${tool}`;
}

function plain(change: RunChange): Told[] {
  const text = changeLine(change);
  return text === undefined ? [] : [{ at: change.at, text }];
}

function tellGate(gate: GateView): Told[] {
  const people = gate.approvers.length === 0 ? "anyone" : gate.approvers.join(", ");
  const asked = { at: gate.requestedAt, text: `gate ${gate.gate}: ${gate.title} (asks ${people})` };
  const decided = gate.decisions.map(({ at, by, decision, comment }) => {
    const said = comment === undefined ? "" : `: "${comment}"`;
    return { at, text: `gate ${gate.gate}: ${by} ${decision === "approve" ? "approves" : "rejects"}${said}` };
  });
  const isOver = gate.state === "expired" && gate.deadline !== undefined;
  return [
    asked,
    ...decided,
    ...(isOver ? [{ at: gate.deadline ?? "", text: `gate ${gate.gate}: nobody decided in time` }] : []),
  ];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
