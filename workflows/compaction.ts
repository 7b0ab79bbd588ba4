import { ApplicationFailure } from "@temporalio/workflow";
import type { Compacted, CompactRequest } from "../core/activity-contract.js";
import { SUMMARY_WANTED } from "../core/compaction.js";
import { jsonBytes } from "../core/input-bound.js";
import { compactTranscript } from "./calls.js";
import { gatherQuestion, toTranscript } from "./conversation.js";
import { type ModelTurn, modelTurn } from "./model-turn.js";
import { recordEvent } from "./outbox.js";
import { agentOf, type Run } from "./run-context.js";
import { say } from "./run-status.js";
import { onceStored } from "./store.js";

/*
 * A conversation that comes near its model's window, or the agent's own limit, is made shorter between two turns: old tool
 * results are left out of what a model reads; where that is not enough, a summary is asked for, as a turn of its own, and takes
 * the place of what is older. The transcript keeps everything, so that a fork goes on from any turn.
 */

/** A window is never filled: estimates are rough, and the answer needs room. */
const NEAR = 0.8;

/** A conversation that is still longer than this, against before, is worth a summary. */
const ENOUGH = 0.6;

/** Turns that stay word for word, the one under way included. */
const KEPT_TURNS = 3;

/** Where no provider has counted yet. English has four bytes a token, JSON and other languages fewer. */
const BYTES_A_TOKEN = 3;

/** Done: go on · else what a turn of its own ended with. */
export type Compaction = { readonly kind: "done" } | Exclude<ModelTurn, { readonly kind: "answered" }>;

/** Makes the conversation shorter where it has to be. */
export async function compactIfNear(run: Run): Promise<Compaction> {
  const { state } = run;
  if (state.compacting) return await summarise(run);
  const limit = limitOf(run);
  if (limit === undefined || tokensOf(run) < limit) return { kind: "done" };
  const keepFromTurn = state.turn - KEPT_TURNS + 2;
  // There is nothing older, or it was made shorter just now: what is left is needed.
  if (keepFromTurn <= 1 || keepFromTurn <= (state.compactedAt ?? 0) + 1) return { kind: "done" };
  say(run, "running", `turn ${state.turn + 1}: makes the conversation shorter`);
  await gatherQuestion(run);
  await toTranscript(run);
  const before = state.transcriptBytes;
  await adopt(run, { keepFromTurn, how: "results" });
  if (state.transcriptBytes <= ENOUGH * before) {
    state.compactedAt = state.turn;
    return { kind: "done" };
  }
  state.compacting = { backTo: state.model, keepFromTurn };
  state.model = summaryModel(run);
  state.newMessages = [{ role: "user", text: SUMMARY_WANTED, turn: state.turn + 1, by: "wflo" }];
  return await summarise(run);
}

/** Asks for the summary, by another model where the one for summaries cannot be had. */
async function summarise(run: Run): Promise<Compaction> {
  const { state } = run;
  const { backTo, keepFromTurn } = state.compacting ?? { backTo: state.model, keepFromTurn: state.turn };
  let turn: ModelTurn;
  try {
    turn = await modelTurn(run);
  } catch (error) {
    if (!(error instanceof ApplicationFailure) || state.model === backTo) throw error;
    state.model = backTo;
    state.asking = false;
    turn = await modelTurn(run);
  }
  if (turn.kind !== "answered") return turn;
  await adopt(run, { keepFromTurn, how: "summary" });
  state.compacting = null;
  state.compactedAt = state.turn;
  state.model = backTo;
  // It is none of the turns that the run may take.
  state.turnsBefore += 1;
  return { kind: "done" };
}

async function adopt(run: Run, request: Omit<CompactRequest, "head">): Promise<void> {
  const { state } = run;
  const { head } = state;
  if (head === null) return;
  const bytesBefore = state.transcriptBytes;
  const compacted = await onceStored<Compacted>(run, async () => await compactTranscript({ ...request, head }));
  if (compacted.transcriptBytes >= bytesBefore) return;
  state.head = compacted.head;
  state.transcriptBytes = compacted.transcriptBytes;
  // What the provider counted was another prompt.
  state.lastCount = null;
  const { how } = request;
  recordEvent(run, "wflo.context.compacted", { turn: state.turn, how, bytesBefore, bytesAfter: state.transcriptBytes });
}

/** The last of the agent's models, which is the cheapest that it names; where that could not take it all, the one in use. */
function summaryModel(run: Run): number {
  const { models } = agentOf(run);
  const last = models.length - 1;
  const window = models[last]?.price?.contextWindow;
  return window !== undefined && tokensOf(run) < window * NEAR ? last : run.state.model;
}

function limitOf(run: Run): number | undefined {
  const agent = agentOf(run);
  const window = agent.models[run.state.model]?.price?.contextWindow;
  const near = window === undefined ? undefined : Math.floor(window * NEAR);
  const own = agent.compactAtTokens;
  return own === undefined || near === undefined ? (own ?? near) : Math.min(own, near);
}

/** About so many tokens has the next prompt: what the provider counted, and the bytes that are new. */
function tokensOf({ state }: Run): number {
  const newBytes = jsonBytes([...state.newMessages, ...state.inbox]);
  const { lastCount } = state;
  const known = lastCount ? lastCount.transcriptBytes : 0;
  const bytes = (state.agent?.promptBytes ?? 0) * (lastCount ? 0 : 1) + state.transcriptBytes - known + newBytes;
  return (lastCount?.tokens ?? 0) + Math.ceil(bytes / BYTES_A_TOKEN);
}
