import type {
  AppendedMessages,
  AppendMessagesRequest,
  Compacted,
  CompactRequest,
  EditChecked,
  EditRequest,
  StoreActivities,
  TextChecked,
} from "../core/activity-contract.js";
import { PART_BYTES } from "../core/activity-contract.js";
import type { CapturedAgent } from "../core/agent.js";
import { withoutOldResults, withSummary } from "../core/compaction.js";
import type { Json, JsonObject } from "../core/json.js";
import { jsonProblem } from "../core/json-check.js";
import { type BlobRef, isBlobRef, type Message, type TextOrRef } from "../core/transcript.js";
import { type Deciders, NO_DECIDERS } from "../ports/deciders.js";
import { argumentProblem } from "./asked-calls.js";
import { BlobCorrupt, BlobMissing, type Blobs } from "./blobs.js";
import { beginningOf, inlineOrRef, textOrRef } from "./inline.js";
import type { SchemaChecker } from "./schema-checker.js";
import type { Transcripts } from "./transcript-store.js";

export interface StorePorts {
  readonly blobs: Blobs;
  readonly transcripts: Transcripts;
  readonly schemas: SchemaChecker;
  /** @default knows no keys */
  readonly deciders?: Deciders;
}

/** A message above this waits in the store until it is heard. */
const MESSAGE_BYTES = 4 * 1024;
const PREVIEW_BYTES = 1024;

/** What leaves a workflow's memory for the store, or is looked at there. */
export function createStoreActivities({
  blobs,
  transcripts,
  schemas,
  deciders = NO_DECIDERS,
}: StorePorts): StoreActivities {
  return {
    appendMessages: async (request) => await append(blobs, transcripts, request),
    storePiece: async (piece) => (await blobs.put(piece)).ref,
    loadPiece: async (address) => await blobs.getText(address),
    checkEdit: async (request) => await checkEdit(blobs, schemas, request),
    async checkSigned(request) {
      const problem = await deciders.problemOf(request);
      return problem === undefined ? {} : { problem };
    },
    checkText: async (text) => await checkText(blobs, text),
    compact: async (request) => await compact(blobs, transcripts, request),
  };
}

async function append(
  blobs: Blobs,
  transcripts: Transcripts,
  { head, stored, messages }: AppendMessagesRequest,
): Promise<AppendedMessages> {
  const before = await Promise.all(stored.map(async (address) => await blobs.getJson<readonly Message[]>(address)));
  const appended = await transcripts.append(head, [...before.flat(), ...messages]);
  return { head: appended.head, transcriptBytes: appended.bytes };
}

async function compact(
  blobs: Blobs,
  transcripts: Transcripts,
  { head, keepFromTurn, how }: CompactRequest,
): Promise<Compacted> {
  const messages = await transcripts.view(head);
  const view =
    how === "results" ? withoutOldResults(messages, keepFromTurn) : await summarised(blobs, messages, keepFromTurn);
  const compacted = await transcripts.compact(head, view);
  return { head: compacted.head, transcriptBytes: compacted.bytes };
}

/** By the last answer; one without words says nothing, so that old results are all that can be left out. */
async function summarised(
  blobs: Blobs,
  messages: readonly Message[],
  keepFromTurn: number,
): Promise<readonly Message[]> {
  const answer = messages.findLast(({ role }) => role === "assistant");
  const text = answer?.text ?? "";
  const summary = typeof text === "string" ? text : await blobs.getText(text.ref);
  if (!answer || summary.trim() === "") return withoutOldResults(messages, keepFromTurn);
  return withSummary(messages, { summary, turn: answer.turn, keepFromTurn });
}

async function checkEdit(
  blobs: Blobs,
  schemas: SchemaChecker,
  { definition, tool: name, args }: EditRequest,
): Promise<EditChecked> {
  const agent = await blobs.getJson<CapturedAgent>(definition);
  const tool = agent.tools.find((candidate) => candidate.name === name);
  if (!tool) return { problem: `args: the agent ${agent.name} has no tool ${name}` };
  const read = isBlobRef(args) ? await readObject(blobs, args) : { object: args as JsonObject, args };
  if ("problem" in read) return read;
  const problem = argumentProblem(schemas, tool, read.object);
  if (problem !== undefined) return { problem: `args: ${problem}` };
  return { args: isBlobRef(args) ? (read.args as BlobRef) : await inlineOrRef(blobs, read.object, PART_BYTES.value) };
}

async function readObject(
  blobs: Blobs,
  { ref }: BlobRef,
): Promise<{ readonly object: JsonObject; readonly args: Json | BlobRef } | { readonly problem: string }> {
  const text = await blobText(blobs, ref);
  if (typeof text !== "string") return { problem: `args: ${text.problem}` };
  let object: unknown;
  try {
    object = JSON.parse(text);
  } catch {
    object = undefined;
  }
  const isObject = typeof object === "object" && object !== null && !Array.isArray(object);
  const fault = isObject ? jsonProblem(object) : "is not a JSON object";
  if (fault !== undefined) return { problem: `args: the blob ${ref} ${fault}` };
  const bytes = Buffer.byteLength(text);
  return { object: object as JsonObject, args: { ref, bytes, preview: beginningOf(text, PREVIEW_BYTES) } };
}

async function checkText(blobs: Blobs, text: TextOrRef): Promise<TextChecked> {
  if (typeof text === "string") return { text: await textOrRef(blobs, text, MESSAGE_BYTES) };
  const found = await blobText(blobs, text.ref);
  if (typeof found !== "string") return { problem: `text: ${found.problem}` };
  if (found.trim() === "") return { problem: `text: the blob ${text.ref} is empty` };
  return { text: { ref: text.ref, bytes: Buffer.byteLength(found), preview: beginningOf(found, PREVIEW_BYTES) } };
}

/** A blob that a person names may not be there: that is their fault, not the store's. */
async function blobText(blobs: Blobs, ref: BlobRef["ref"]): Promise<string | { readonly problem: string }> {
  try {
    return await blobs.getText(ref);
  } catch (error) {
    if (error instanceof BlobMissing || error instanceof BlobCorrupt) return { problem: error.message };
    throw error;
  }
}
