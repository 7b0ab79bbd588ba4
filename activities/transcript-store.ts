import { LRUCache } from "lru-cache";
import { canonicalJson, utf8Bytes } from "../core/digest.js";
import type { BlobAddress, BlobRef, Message, ToolResult, TranscriptNode } from "../core/transcript.js";
import { BlobCorrupt, type Blobs } from "./blobs.js";
import { isBlobRef } from "./inline.js";

/** Transcripts as chains of blobs: `head = sha256(previous head, new messages)`. */
export interface Transcripts {
  /** The head after these messages; null is the beginning. Costs one blob, however long the transcript is. */
  append(
    head: BlobAddress | null,
    messages: readonly Message[],
  ): Promise<{ readonly head: BlobAddress; readonly bytes: number; readonly depth: number }>;
  /** All messages, oldest first. @throws BlobMissing, BlobCorrupt */
  load(head: BlobAddress): Promise<readonly Message[]>;
  /** The head as it was when turn `turn` had its answer (null: the transcript does not reach back to it). */
  headAtTurn(head: BlobAddress, turn: number): Promise<BlobAddress | null>;
  /** Texts in full, for a model; large tool results as their preview, with where the rest is. */
  resolve(messages: readonly Message[]): Promise<readonly Message[]>;
}

/** Every so many nodes one carries the addresses since the last such node, so that a cold load fetches them side by side. */
const TRAIL_EVERY = 64;
const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024;

interface Loaded extends TranscriptNode {
  readonly at: BlobAddress;
}

export function createTranscripts(
  blobs: Blobs,
  { cacheBytes = DEFAULT_CACHE_BYTES }: { readonly cacheBytes?: number } = {},
): Transcripts {
  const nodes = new LRUCache<BlobAddress, Loaded>({ maxSize: cacheBytes, sizeCalculation: sizeOf });
  const nodeAt = async (at: BlobAddress): Promise<Loaded> => {
    const known = nodes.get(at);
    if (known) return known;
    const read = JSON.parse(await blobs.getText(at)) as TranscriptNode;
    if (!Array.isArray(read.messages) || typeof read.depth !== "number") {
      throw new BlobCorrupt(`the blob ${at} is not a part of a transcript`);
    }
    const node = { ...read, at };
    nodes.set(at, node);
    return node;
  };
  /** From the head back to the first, newest first. */
  const chain = async (head: BlobAddress): Promise<readonly Loaded[]> => {
    const found: Loaded[] = [];
    for (let at: BlobAddress | null = head; at !== null; ) {
      const node: Loaded = await nodeAt(at);
      found.push(node);
      if (node.trail && !nodes.has(node.trail.at(-1) as BlobAddress)) await Promise.all(node.trail.map(nodeAt));
      at = node.prev;
    }
    return found;
  };
  const trailOf = async (prev: Loaded | null, depth: number): Promise<readonly BlobAddress[] | undefined> => {
    if (depth % TRAIL_EVERY !== 0) return undefined;
    const trail: BlobAddress[] = [];
    for (
      let node = prev;
      node && trail.length < TRAIL_EVERY - 1;
      node = node.prev === null ? null : await nodeAt(node.prev)
    )
      trail.push(node.at);
    return trail;
  };
  return {
    async append(head, messages) {
      const prev = head === null ? null : await nodeAt(head);
      const depth = (prev?.depth ?? 0) + 1;
      const bytes = (prev?.bytes ?? 0) + utf8Bytes(canonicalJson(messages));
      const trail = await trailOf(prev, depth);
      const node: TranscriptNode = { prev: head, messages, depth, bytes, ...(trail ? { trail } : {}) };
      const { ref } = await blobs.putJson(node);
      nodes.set(ref, { ...node, at: ref });
      return { head: ref, bytes, depth };
    },
    async load(head) {
      return (await chain(head)).toReversed().flatMap(({ messages }) => messages);
    },
    async headAtTurn(head, turn) {
      for (let at: BlobAddress | null = head; at !== null; ) {
        const node: Loaded = await nodeAt(at);
        const answered = node.messages.findLast(({ role }) => role === "assistant");
        if (answered && answered.turn <= turn) return answered.turn === turn ? at : null;
        at = node.prev;
      }
      return null;
    },
    async resolve(messages) {
      return await Promise.all(messages.map(async (message) => await resolved(blobs, message)));
    },
  };
}

async function resolved(blobs: Blobs, message: Message): Promise<Message> {
  const { text, toolResults } = message;
  const large = toolResults?.some(({ result }) => isBlobRef(result)) ?? false;
  if ((text === undefined || typeof text === "string") && !large) return message;
  return {
    ...message,
    ...(text !== undefined && typeof text !== "string" ? { text: await blobs.getText(text.ref) } : {}),
    ...(toolResults && large ? { toolResults: toolResults.map(previewed) } : {}),
  };
}

/** A model sees the beginning of a large result, and that it is one. */
function previewed(result: ToolResult): ToolResult {
  if (!isBlobRef(result.result)) return result;
  const { ref, bytes, preview } = result.result as BlobRef;
  return {
    ...result,
    result: { preview: preview ?? "", note: `This is the beginning of ${bytes ?? "many"} bytes.`, ref },
  };
}

function sizeOf(node: Loaded): number {
  return node.messages.reduce(
    (sum, message) => sum + 200 + JSON.stringify(message).length,
    200 + 80 * (node.trail?.length ?? 0),
  );
}
