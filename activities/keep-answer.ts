import {
  type Bill,
  type CheckedToolCall,
  INLINE_BYTES,
  type ModelAnswered,
  type ModelCallRequest,
} from "../core/activity-contract.js";
import type { CapturedAgent, RunModel, ToolSpec } from "../core/agent.js";
import type { Json, JsonObject } from "../core/json.js";
import type { Message } from "../core/transcript.js";
import { type ModelAnswer, ModelCallFailed } from "../ports/models.js";
import { StoreUnavailable } from "../ports/object-store.js";
import { answerData } from "./answer-data.js";
import type { Blobs } from "./blobs.js";
import type { CallJournal } from "./call-journal.js";
import { inlineOrRef, textOrRef } from "./inline.js";
import { billOf } from "./model-bill.js";
import type { SchemaChecker } from "./schema-checker.js";
import type { Transcripts } from "./transcript-store.js";

/** What the journal keeps of a bought answer: all that the workflow hears of it. */
export type KeptAnswer = Omit<
  ModelAnswered,
  "kind" | "journalKey" | "knownBounds" | "late" | "publishedSeq" | "ownBill"
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
  /** Bytes of the prompt as JSON, for an answer without usage. */
  readonly promptBytes: number;
  readonly journalKey: string;
  readonly fence: number;
}

/** A bought answer is worth waiting for a store that is away: so long, in milliseconds, then the attempt counts as lost. */
const STORE_PATIENCE_MS = 60_000;

/**
 * Stores a bought answer: transcript, then journal. Where an earlier attempt's answer was there first, that one is the
 * answer and `ownBill` says what this one cost.
 * @throws ModelCallFailed (billed) where the store stays away
 */
export async function keepAnswer(ports: Ports, bought: Bought): Promise<{ kept: KeptAnswer; ownBill?: Bill }> {
  const { request, answer, model } = bought;
  const bill = billOf(model, answer, bought.promptBytes);
  return await patiently(bill, async () => {
    const toolCalls = await checkedCalls(ports, bought);
    const appended = await ports.transcripts.append(request.head, [
      ...request.newMessages,
      assistantMessage(bought, bill),
    ]);
    const own: KeptAnswer = {
      attempt: request.attempt,
      head: appended.head,
      transcriptBytes: appended.bytes,
      text: await textOrRef(ports.blobs, answer.text, INLINE_BYTES),
      toolCalls,
      finishReason: answer.finishReason,
      bill,
      model: model.model,
      ...(bought.agent.outputSchema && answer.toolCalls.length === 0
        ? await checkedData(ports, bought.agent.outputSchema, answer.text)
        : {}),
    };
    const { stored, winner } = await ports.journal.answer(bought.journalKey, bought.fence, own as unknown as Json);
    return stored ? { kept: own } : { kept: winner as unknown as KeptAnswer, ownBill: bill };
  });
}

/** Arguments are checked here, so that a call that cannot run opens no gate and goes back to the model. */
async function checkedCalls(ports: Ports, { agent, answer }: Bought): Promise<CheckedToolCall[]> {
  const limitBytes = Math.floor(INLINE_BYTES / Math.max(1, answer.toolCalls.length));
  const checked: CheckedToolCall[] = [];
  for (const call of answer.toolCalls) {
    const tool = agent.tools.find((candidate) => candidate.name === call.name);
    const problem =
      tool === undefined
        ? `there is no tool ${JSON.stringify(call.name)}; the tools are ${agent.tools.map(({ name }) => name).join(", ") || "none"}`
        : call.args === undefined
          ? `the arguments are not a JSON object: ${(call.raw ?? "").slice(0, 200)}`
          : argumentProblem(ports.schemas, tool, call.args);
    checked.push({
      id: call.id,
      name: call.name,
      args: await inlineOrRef(ports.blobs, call.args ?? {}, limitBytes),
      ...(problem === undefined ? {} : { problem }),
    });
  }
  return checked;
}

function argumentProblem(schemas: SchemaChecker, tool: ToolSpec, args: JsonObject): string | undefined {
  const problems = schemas.problems(tool.inputSchema, args);
  return problems.length === 0 ? undefined : `the arguments do not fit: ${problems.join("; ")}`;
}

function assistantMessage({ request, answer, model }: Bought, bill: Bill): Message {
  return {
    role: "assistant",
    text: answer.text,
    ...(answer.toolCalls.length > 0
      ? { toolCalls: answer.toolCalls.map(({ id, name, args }) => ({ id, name, args: args ?? {} })) }
      : {}),
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
): Promise<Pick<KeptAnswer, "data" | "dataProblems">> {
  const read = answerData(ports.schemas, schema, text);
  return "data" in read ? { data: (await inlineOrRef(ports.blobs, read.data, INLINE_BYTES)) as Json } : read;
}

async function patiently<T>(bill: Bill, keep: () => Promise<T>): Promise<T> {
  const until = performance.now() + STORE_PATIENCE_MS;
  for (let pauseMs = 50; ; pauseMs = Math.min(2_000, pauseMs * 2)) {
    try {
      return await keep();
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      if (performance.now() > until) {
        const message = `the answer was bought but the blob store stayed away: ${error.message}`;
        throw new ModelCallFailed(message, { kind: "retry", billed: "known", usage: bill.usage });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
