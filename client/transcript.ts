import { refOf } from "../core/fields.js";
import type { Json } from "../core/json.js";
import type { BlobAddress, Message, TextOrRef, ToolResult, TranscriptNode } from "../core/transcript.js";
import { type BlobReader, readBlobText } from "./blob-reader.js";

/** A message of a transcript with all its texts and results in full. */
export interface TranscriptMessage extends Omit<Message, "text" | "providerParts"> {
  readonly text?: string;
}

/** All messages up to a head, oldest first. @throws ClientError `blob` */
export async function readTranscript(blobs: BlobReader, head: BlobAddress): Promise<readonly TranscriptMessage[]> {
  const nodes: TranscriptNode[] = [];
  const fetched = new Map<BlobAddress, Promise<TranscriptNode>>();
  const nodeAt = (address: BlobAddress) => {
    const known = fetched.get(address) ?? readNode(blobs, address);
    fetched.set(address, known);
    // A node that is fetched ahead and fails is reported where the walk reaches it.
    known.catch(() => undefined);
    return known;
  };
  for (let address: BlobAddress | null = head; address !== null; ) {
    const node: TranscriptNode = await nodeAt(address);
    fetched.delete(address);
    for (const ahead of node.trail ?? []) void nodeAt(ahead);
    nodes.push(node);
    address = node.prev;
  }
  const messages = nodes.toReversed().flatMap((node) => node.messages);
  return await Promise.all(messages.map(async (message) => await inFull(blobs, message)));
}

async function readNode(blobs: BlobReader, address: BlobAddress): Promise<TranscriptNode> {
  return JSON.parse(await readBlobText(blobs, address)) as TranscriptNode;
}

async function inFull(blobs: BlobReader, message: Message): Promise<TranscriptMessage> {
  const { text, toolResults, providerParts: _opaque, ...rest } = message;
  return {
    ...rest,
    ...(text === undefined ? {} : { text: await textInFull(blobs, text) }),
    ...(toolResults
      ? { toolResults: await Promise.all(toolResults.map(async (one) => await resultInFull(blobs, one))) }
      : {}),
  };
}

async function textInFull(blobs: BlobReader, text: TextOrRef): Promise<string> {
  return typeof text === "string" ? text : await readBlobText(blobs, text.ref);
}

/** A large result is canonical JSON in a blob of its own. */
async function resultInFull(blobs: BlobReader, result: ToolResult): Promise<ToolResult> {
  const address = isStoredResult(result.result) ? refOf(result.result) : undefined;
  if (address === undefined) return result;
  return { ...result, result: JSON.parse(await readBlobText(blobs, address)) as Json };
}

/** As the activities store it: an address with a size and a preview; a tool's own `{"ref"}` is left as it is. */
function isStoredResult(value: unknown): boolean {
  return typeof value === "object" && value !== null && "bytes" in value && "preview" in value;
}
