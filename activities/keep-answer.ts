import {
  type Bill,
  type CheckedToolCall,
  type ModelAnswered,
  type ModelCallRequest,
  PART_BYTES,
} from "../core/activity-contract.js";
import type { CapturedAgent, RunModel } from "../core/agent.js";
import type { Json, JsonObject } from "../core/json.js";
import type { Message } from "../core/transcript.js";
import { type ModelAnswer, ModelCallFailed } from "../ports/models.js";
import { answerData } from "./answer-data.js";
import { checkCalls, MOST_CALLS, type ReadCall, readCalls } from "./asked-calls.js";
import type { Blobs } from "./blobs.js";
import type { CallJournal } from "./call-journal.js";
import { AttemptFailed } from "./failures.js";
import { inPieces, payloadBytes, textOrRef } from "./inline.js";
import { type Asked, billOf } from "./model-bill.js";
import { withPatience } from "./patience.js";
import type { SchemaChecker } from "./schema-checker.js";
import type { Transcripts } from "./transcript-store.js";

/** What the journal keeps of a bought answer: all that the workflow hears of it. */
export type KeptAnswer = Omit<
  ModelAnswered,
  "kind" | "knownBounds" | "late" | "publishedSeq" | "ownBill" | "paidElsewhere"
>;

interface Ports {
  readonly blobs: Blobs;
  readonly transcripts: Transcripts;
  readonly journal: CallJournal;
  readonly schemas: SchemaChecker;
}

interface Bought {
  readonly agent: CapturedAgent;
  readonly model: RunModel;
  readonly request: ModelCallRequest;
  readonly answer: ModelAnswer;
  readonly asked: Asked;
  readonly journalKey: string;
  readonly fence: number;
  /** Temporal's id of the history that buys. */
  readonly runId: string;
}

/**
 * Stores a bought answer: transcript, then journal. Where an earlier attempt's answer was there first, that one is the
 * answer and `ownBill` says what this one cost.
 * @throws AttemptFailed (billed) where the answer cannot be kept
 */
export async function keepAnswer(ports: Ports, bought: Bought): Promise<{ kept: KeptAnswer; ownBill?: Bill }> {
  const bill = billOf(bought.model, bought.answer, bought.asked);
  return await paidFor(bill, async () => {
    const own = await keptAnswer(ports, bought, bill);
    const { stored, winner } = await ports.journal.answer(bought.journalKey, bought.fence, own as unknown as Json);
    return stored ? { kept: own } : { kept: winner as unknown as KeptAnswer, ownBill: bill };
  });
}

async function keptAnswer(ports: Ports, bought: Bought, bill: Bill): Promise<KeptAnswer> {
  const { agent, model, request, answer } = bought;
  const calls = readCalls(agent, answer, request.turn);
  const said = assistantMessage(bought, calls, bill);
  const appended = await ports.transcripts.append(request.head, [...request.newMessages, said]);
  const asked = await carriedCalls(ports, await checkCalls(ports, agent, calls));
  const schema = calls.length === 0 ? agent.outputSchema : undefined;
  const read = schema ? await checkedData(ports, schema, answer.text) : {};
  const left = PART_BYTES.answer - payloadBytes(asked) - payloadBytes(read);
  return {
    attempt: request.attempt,
    head: appended.head,
    transcriptBytes: appended.bytes,
    text: await textOrRef(ports.blobs, answer.text, left),
    ...asked,
    finishReason: answer.finishReason,
    bill,
    model: model.model,
    ...(request.lease ? { boughtIn: bought.runId } : {}),
    ...read,
  };
}

async function carriedCalls(
  { blobs }: Ports,
  calls: readonly CheckedToolCall[],
): Promise<Pick<KeptAnswer, "toolCalls" | "toolCallsIn">> {
  if (payloadBytes(calls) <= PART_BYTES.toolCalls) return { toolCalls: calls };
  return { toolCalls: [], toolCallsIn: await inPieces(blobs, calls) };
}

function assistantMessage({ request, answer, model }: Bought, calls: readonly ReadCall[], bill: Bill): Message {
  const dropped = answer.toolCalls.length - calls.length;
  const note = `[Wflo: ${dropped} more tool calls of this answer were dropped; at most ${MOST_CALLS} run in one turn]`;
  return {
    role: "assistant",
    text: dropped > 0 ? `${answer.text}\n${note}` : answer.text,
    ...(calls.length > 0 ? { toolCalls: calls.map(({ id, name, args }) => ({ id, name, args })) } : {}),
    turn: request.turn,
    model: model.bookedAs,
    usage: bill.usage,
    nanoUsd: bill.nanoUsd,
    ...(answer.providerParts ? { providerParts: answer.providerParts } : {}),
  };
}

async function checkedData(
  ports: Ports,
  schema: JsonObject,
  text: string,
): Promise<Pick<KeptAnswer, "data" | "dataRef" | "dataProblems">> {
  const read = answerData(ports.schemas, schema, text);
  if ("dataProblems" in read) return read;
  const { data } = read;
  const travels = payloadBytes(data) <= PART_BYTES.value;
  return travels ? { data } : { dataRef: (await ports.blobs.putJson(data)).ref };
}

/** Whatever goes wrong here, the answer is paid for: the attempt is lost with its bill, and not bought again unnoticed. */
async function paidFor<T>(bill: Bill, keep: () => Promise<T>): Promise<T> {
  try {
    return await withPatience(keep);
  } catch (error) {
    const message = `the answer was bought but could not be kept: ${(error as Error).message}`;
    throw new AttemptFailed(new ModelCallFailed(message, { kind: "retry", billed: "known", usage: bill.usage }), {
      bill,
    });
  }
}
