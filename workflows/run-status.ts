import { defineSearchAttributeKey, SearchAttributeType } from "@temporalio/common";
import { proxySinks, setCurrentDetails, upsertSearchAttributes, workflowInfo } from "@temporalio/workflow";
import { spent } from "../core/ledger.js";
import { costOf } from "../core/ledger-report.js";
import { formatUsd } from "../core/money.js";
import type { RunDoing, RunStatus } from "../core/run.js";
import type { WfloSinks } from "../core/sinks.js";
import { flushOutbox } from "./outbox.js";
import { now, nowMs, type Run } from "./run-context.js";

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
const SHOW_EVERY_MS = 2_000;

/** Says what the run does now: to the status query, to the Web UI, and where it changed or is old, to the index. */
export function say(run: Run, state: RunDoing, text: string): void {
  const changed = run.doing.state !== state;
  if (changed || run.doing.text !== text) run.doing = { state, text, since: now() };
  setCurrentDetails(page(run));
  if (changed || nowMs() - run.shown.at >= SHOW_EVERY_MS) show(run, state);
  if (changed && state !== "running") flushOutbox(run);
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
    { key: ATTRIBUTES.model, value: modelOf(run) },
    ...(first ? [{ key: ATTRIBUTES.agent, value: agent.name }] : []),
    ...(first ? [{ key: ATTRIBUTES.root, value: rootOf() }] : []),
    ...(first && account ? [{ key: ATTRIBUTES.account, value: account }] : []),
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
  return [
    `### ${input.agent}: ${run.doing.text}`,
    "",
    "| turn | model | cost | budget | transcript |",
    "| --- | --- | --- | --- | --- |",
    `| ${state.turn} of ${input.maxTurns} | ${modelOf(run)} | $${cost.usd} | ${limit === null ? "none" : `$${formatUsd(limit)}`} | \`${state.head?.slice(0, 19) ?? "–"}\` |`,
    ...(pending.length > 0 ? ["", "**Waiting for a decision:**"] : []),
    ...pending.map((gate) => `- \`${gate.gate}\` ${gate.title} (${gate.approvers.join(", ") || "anyone"})`),
    ...(state.ending ? ["", `**Ends:** ${state.ending.status} ${state.ending.stopReason ?? ""}`] : []),
  ].join("\n");
}
