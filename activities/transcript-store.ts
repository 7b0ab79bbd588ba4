import { LRUCache } from "lru-cache";
import { canonicalJson } from "../core/digest.js";
import { promptBytes } from "../core/input-bound.js";
import {
  type BlobAddress,
  type BlobRef,
  type Message,
  type ToolResult,
  type TranscriptNode,
  trailDepths,
} from "../core/transcript.js";
import { BlobCorrupt, type Blobs } from "./blobs.js";
import { isBlobRef } from "./inline.js";

/** Transcripts as chains of blobs: `head = sha256(previous head, new messages)`. */
export interface Transcripts {
  /**
   * The head after these messages; null is the beginning. Costs one blob, however long the transcript is, and a read of
   * each text that is a blob: `bytes` bounds what a model reads, so it has them in full. @throws BlobMissing
   */
  append(
    head: BlobAddress | null,
    messages: readonly Message[],
  ): Promise<{ readonly head: BlobAddress; readonly bytes: number; readonly depth: number }>;
  /** All messages, oldest first. @throws BlobMissing, BlobCorrupt */
  load(head: BlobAddress): Promise<readonly Message[]>;
  /** What a model reads: all messages, or where the conversation was compacted, the last view and what came after it. */
  view(head: BlobAddress): Promise<readonly Message[]>;
  /** The head after a compaction: a model reads `view` in place of all before. Nothing of the chain is lost. */
  compact(
    head: BlobAddress,
    view: readonly Message[],
  ): Promise<{ readonly head: BlobAddress; readonly bytes: number; readonly depth: number }>;
  /** The head as it was when turn `turn` had its answer (null: the transcript does not reach back to it). */
  headAtTurn(head: BlobAddress, turn: number): Promise<BlobAddress | null>;
  /**
   * What a model is asked: the view of `head` (null: nothing is before), then new messages. Texts in full; large tool
   * results as their preview, with where the rest is. Members are in canonical order, so that a message reads byte for
   * byte the same when it is new, when this worker wrote it and when it is loaded: the provider's prompt cache rests on
   * that.
   */
  question(head: BlobAddress | null, newMessages: readonly Message[]): Promise<readonly Message[]>;
}

const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024;

interface Loaded extends TranscriptNode {
  readonly at: BlobAddress;
  /** Of its JSON. */
  readonly characters: number;
}

export function createTranscripts(
  blobs: Blobs,
  { cacheBytes = DEFAULT_CACHE_BYTES }: { readonly cacheBytes?: number } = {},
): Transcripts {
  const nodes = new LRUCache<BlobAddress, Loaded>({
    maxSize: cacheBytes,
    sizeCalculation: ({ characters }) => characters + 200,
  });
  const keep = (at: BlobAddress, text: string): Loaded => {
    const node = { ...nodeOf(at, text), at, characters: text.length };
    nodes.set(at, node);
    return node;
  };
  const nodeAt = async (at: BlobAddress): Promise<Loaded> => nodes.get(at) ?? keep(at, await blobs.getText(at));
  /** Newest first, up to the node that `isEnough`: at once as far as this worker has them, then as they come. */
  const chainTo = async (head: BlobAddress, isEnough: (node: Loaded) => boolean = () => false) => {
    const chain: Loaded[] = [];
    let at: BlobAddress | null = head;
    for (let node = nodes.get(head); node; node = at === null ? undefined : nodes.get(at)) {
      chain.push(node);
      if (isEnough(node)) return chain;
      at = node.prev;
    }
    if (at === null) return chain;
    for await (const node of fetchedFrom(at, nodeAt)) {
      chain.push(node);
      if (isEnough(node)) break;
    }
    return chain;
  };
  const view = async (head: BlobAddress) => {
    const chain = await chainTo(head, (node) => node.view !== undefined);
    const compacted = chain.at(-1)?.view ?? [];
    return [...compacted, ...chain.toReversed().flatMap(({ messages }) => messages)];
  };
  const bytesOf = async (messages: readonly Message[]) => promptBytes(await inFull(blobs, messages));
  const add = async (prev: Loaded | undefined, own: Pick<TranscriptNode, "messages" | "bytes" | "view">) => {
    const depth = (prev?.depth ?? 0) + 1;
    const trail = prev ? await trailTo(prev, depth, nodeAt) : [];
    const node: TranscriptNode = { prev: prev?.at ?? null, depth, ...own, ...(trail.length > 0 ? { trail } : {}) };
    const text = canonicalJson(node);
    const { ref } = await blobs.put(text);
    keep(ref, text);
    return { head: ref, bytes: node.bytes, depth };
  };
  return {
    async append(head, messages) {
      const prev = head === null ? undefined : await nodeAt(head);
      return await add(prev, { messages, bytes: (prev?.bytes ?? 0) + (await bytesOf(messages)) });
    },
    async compact(head, view) {
      return await add(await nodeAt(head), { messages: [], view, bytes: await bytesOf(view) });
    },
    view,
    async load(head) {
      return (await chainTo(head)).toReversed().flatMap(({ messages }) => messages);
    },
    async headAtTurn(head, turn) {
      const isEnough = (node: Loaded) => (answeredTurn(node) ?? Number.POSITIVE_INFINITY) <= turn;
      const node = (await chainTo(head, isEnough)).at(-1);
      return node && answeredTurn(node) === turn ? node.at : null;
    },
    async question(head, newMessages) {
      const before = head === null ? [] : await view(head);
      return await inFull(blobs, [...before, ...newMessages.map(inCanonicalOrder)]);
    },
  };
}

type NodeAt = (at: BlobAddress) => Promise<Loaded>;

/** From a node back to the first, newest first. Whatever a node points to is fetched as soon as the node is there. */
async function* fetchedFrom(head: BlobAddress, nodeAt: NodeAt): AsyncGenerator<Loaded> {
  const fetched = new Map<BlobAddress, Promise<Loaded>>();
  let isOver = false;
  const fetch = (at: BlobAddress): Promise<Loaded> => {
    const known = fetched.get(at);
    if (known) return known;
    const node = nodeAt(at);
    fetched.set(at, node);
    node.then(
      ({ trail, prev }) => {
        if (isOver) return;
        for (const address of [...(trail ?? []), ...(prev === null ? [] : [prev])]) void fetch(address);
      },
      // Told where the chain is walked, if it leads here.
      () => {},
    );
    return node;
  };
  try {
    for (let at: BlobAddress | null = head; at !== null; ) {
      const node: Loaded = await fetch(at);
      yield node;
      at = node.prev;
    }
  } finally {
    isOver = true;
  }
}

/** The turn of a node's last answer; undefined where it has none. */
function answeredTurn({ messages }: Loaded): number | undefined {
  return messages.findLast(({ role }) => role === "assistant")?.turn;
}

/** The trail of the node after `prev`. */
async function trailTo(prev: Loaded, depth: number, nodeAt: NodeAt): Promise<readonly BlobAddress[]> {
  const trail: BlobAddress[] = [];
  let node = prev;
  for (const wanted of trailDepths(depth)) {
    node = await ancestor(node, wanted, nodeAt);
    trail.push(node.at);
  }
  return trail;
}

/** The node of this depth on the way back from a deeper one. */
async function ancestor(from: Loaded, depth: number, nodeAt: NodeAt): Promise<Loaded> {
  let node = from;
  while (node.depth > depth) {
    const steps = node.trail ? trailDepths(node.depth) : [];
    const furthest = steps.findLastIndex((step) => step >= depth);
    const next = furthest === -1 ? node.prev : node.trail?.[furthest];
    if (!next) throw new BlobCorrupt(`the blob ${node.at} should have a predecessor of depth ${depth}`);
    node = await nodeAt(next);
  }
  return node;
}

/** @throws BlobCorrupt for the address of something else */
function nodeOf(at: BlobAddress, text: string): TranscriptNode {
  let node: Partial<TranscriptNode> | null = null;
  try {
    node = JSON.parse(text) as Partial<TranscriptNode> | null;
  } catch {
    // Told below, with the address.
  }
  if (!Array.isArray(node?.messages) || typeof node.depth !== "number" || typeof node.bytes !== "number") {
    throw new BlobCorrupt(`the blob ${at} is not a part of a transcript`);
  }
  return node as TranscriptNode;
}

/** What is in the store has its members in this order already. */
function inCanonicalOrder(message: Message): Message {
  return JSON.parse(canonicalJson(message)) as Message;
}

async function inFull(blobs: Blobs, messages: readonly Message[]): Promise<readonly Message[]> {
  // Most have nothing that is elsewhere, and a promise each would cost more than all the rest.
  if (!messages.some(isElsewhere)) return messages;
  return await Promise.all(
    messages.map(async (message) => (isElsewhere(message) ? await resolved(blobs, message) : message)),
  );
}

/** A text or a result of it is a blob. */
function isElsewhere({ text, toolResults }: Message): boolean {
  if (text !== undefined && typeof text !== "string") return true;
  return toolResults?.some(({ result }) => isBlobRef(result)) ?? false;
}

async function resolved(blobs: Blobs, message: Message): Promise<Message> {
  const { text, toolResults } = message;
  return {
    ...message,
    ...(text !== undefined && typeof text !== "string" ? { text: await blobs.getText(text.ref) } : {}),
    ...(toolResults ? { toolResults: toolResults.map(previewed) } : {}),
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
