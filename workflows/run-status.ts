import { defineSearchAttributeKey, SearchAttributeType } from "@temporalio/common";
import { proxySinks, setCurrentDetails, upsertSearchAttributes, workflowInfo } from "@temporalio/workflow";
import { clipped } from "../core/clip.js";
import { spent } from "../core/ledger.js";
import { costOf } from "../core/ledger-report.js";
import { inMarkdown } from "../core/markdown.js";
import { formatUsd } from "../core/money.js";
import type { RunDoing, RunStatus } from "../core/run.js";
import type { WfloSinks } from "../core/sinks.js";
import { flushOutbox } from "./outbox.js";
import { now, nowMs, type Run } from "./run-context.js";
import { tellWait } from "./run-spans.js";

export const { wflo: meters } = proxySinks<WfloSinks>();

const ATTRIBUTES = {
  agent: defineSearchAttributeKey("WfloAgent", SearchAttributeType.KEYWORD),
  status: defineSearchAttributeKey("WfloStatus", SearchAttributeType.KEYWORD),
  account: defineSearchAttributeKey("WfloAccount", SearchAttributeType.KEYWORD),
  model: defineSearchAttributeKey("WfloModel", SearchAttributeType.KEYWORD),
  cost: defineSearchAttributeKey("WfloCostNanoUsd", SearchAttributeType.INT),
  turn: defineSearchAttributeKey("WfloTurn", SearchAttributeType.INT),
  root: defineSearchAttributeKey("WfloRoot", SearchAttributeType.KEYWORD),
};

/** Figures alone are written to the index no more often than this: a turn's events stay few. In milliseconds. */
const SHOW_EVERY_MS = 20_000;

/** Stores for the index keep 255 characters of a keyword, and a server refuses the whole task for more than 2 KiB. */
const KEYWORD_BYTES = 255;

/** The last that people decided, on the page. */
const DECIDED_SHOWN = 5;

/** Names of one kind in a line for people. */
const NAMES_SHOWN = 5;

/** Says what the run does now: to the status query, to the Web UI, and where it changed or is old, to the index. */
export function say(run: Run, state: RunDoing, text: string): void {
  const changed = run.doing.state !== state;
  if (changed) tellWait(run.doing);
  if (changed || run.doing.text !== text) run.doing = { state, text, since: now() };
  setCurrentDetails(page(run));
  // The end is shown once it is told.
  if (state === "completing") return;
  if (changed || nowMs() - run.shown.at >= SHOW_EVERY_MS) show(run, state);
  if (changed && state !== "running") flushOutbox(run);
}

/** Says what the tool calls of this turn do: open gates first, since people are waited for. */
export function sayTools(run: Run): void {
  const { calls, gates, paused, turn } = run.state;
  const pending = gates.filter(({ state }) => state === "pending").map(({ gate, tool }) => `${gate} (${tool})`);
  const { untaken } = run;
  const running = calls.filter(({ stage, call }) => stage === "running" && call.id !== untaken?.callId);
  const names = running.map(({ call }) => call.name);
  const work = [names.length > 0 ? `${listed(names)} running` : "", untaken?.text ?? ""].filter(Boolean).join("; ");
  const asks = pending.length > 0 ? `waiting for a decision on ${listed(pending)}` : "";
  if (paused && work === "")
    say(run, "paused", ["paused by a person; `wflo resume` goes on", asks].filter(Boolean).join("; "));
  else if (asks) say(run, "awaiting_approval", work === "" ? asks : `${asks}; ${work}`);
  else if (work !== "") say(run, "running", `turn ${turn}: ${work}`);
}

function listed(names: readonly string[]): string {
  const more = names.length - NAMES_SHOWN;
  return `${names.slice(0, NAMES_SHOWN).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** Writes the searchable values. */
export function show(run: Run, status: string): void {
  const { agent, turn, ledger } = run.state;
  if (!agent?.searchAttributes) return;
  if (run.shown.status === status && run.shown.turn === turn) return;
  const first = run.shown.at === 0;
  run.shown = { status, turn, at: nowMs() };
  const { account } = run.input;
  upsertSearchAttributes([
    { key: ATTRIBUTES.status, value: status },
    { key: ATTRIBUTES.turn, value: turn },
    { key: ATTRIBUTES.cost, value: spent(ledger) },
    { key: ATTRIBUTES.model, value: clipped(modelOf(run), KEYWORD_BYTES) },
    ...(first ? [{ key: ATTRIBUTES.agent, value: clipped(agent.name, KEYWORD_BYTES) }] : []),
    ...(first ? [{ key: ATTRIBUTES.root, value: clipped(rootOf(), KEYWORD_BYTES) }] : []),
    ...(first && account ? [{ key: ATTRIBUTES.account, value: clipped(account, KEYWORD_BYTES) }] : []),
  ]);
}

export function statusOf(run: Run): RunStatus {
  const { state, text, since } = run.doing;
  return { state, turn: run.state.turn, agent: run.input.agent, model: modelOf(run), doing: text, since };
}

function modelOf(run: Run): string {
  return run.state.agent?.models[run.state.model]?.model ?? run.input.models[0] ?? "";
}

function rootOf(): string {
  return workflowInfo().root?.workflowId ?? workflowInfo().workflowId;
}

/** The run on one page, for the Web UI. */
function page(run: Run): string {
  const { state, input } = run;
  const cost = costOf(state.ledger);
  const limit = state.ledger.limitNanoUsd;
  const pending = state.gates.filter((gate) => gate.state === "pending");
  const decided = state.gates.filter((gate) => gate.state !== "pending").slice(-DECIDED_SHOWN);
  const last = state.turnsBefore + input.maxTurns;
  return [
    `### ${inMarkdown(input.agent)}: ${run.doing.text}`,
    "",
    "| turn | model | cost | budget | transcript |",
    "| --- | --- | --- | --- | --- |",
    `| ${state.turn} of ${last} | ${inMarkdown(modelOf(run))} | $${cost.usd} | ${limit === null ? "none" : `$${formatUsd(limit)}`} | \`${state.head?.slice(0, 19) ?? "–"}\` |`,
    ...(pending.length > 0 ? ["", "**Waiting for a decision:**"] : []),
    ...pending.map(({ gate, title, approvers, identity }) => {
      const people = inMarkdown(approvers.join(", ")) || "anyone";
      return `- \`${gate}\` ${inMarkdown(title)} (${people}${identity === "verified" ? ", signed" : ""})`;
    }),
    ...(decided.length > 0 ? ["", "**Decided:**"] : []),
    ...decided.map(({ gate, title, state: outcome, decisions }) => {
      const by = decisions.map((one) => `${one.by}, ${one.at.slice(0, 19)}Z`).join("; ");
      return `- \`${gate}\` ${inMarkdown(title)} ${outcome}${by === "" ? "" : ` (${inMarkdown(by)})`}`;
    }),
    ...(state.ending ? ["", `**Ends:** ${state.ending.status} ${inMarkdown(state.ending.stopReason ?? "")}`] : []),
  ].join("\n");
}
