import type {
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  LanguageModelV4ToolCall,
  LanguageModelV4Usage,
  SharedV4ProviderMetadata,
  SharedV4ProviderOptions,
} from "@ai-sdk/provider";
import type { AnswerPart } from "./provider-parts.js";

/** What a stream gave until it ended. */
export interface StreamedAnswer {
  /** Reasoning, texts and tool calls in the order in which they began. */
  readonly parts: readonly AnswerPart[];
  readonly calls: readonly LanguageModelV4ToolCall[];
  /** Undefined: the stream was cut. */
  readonly finish?: { readonly reason: LanguageModelV4FinishReason; readonly usage: LanguageModelV4Usage };
  readonly responseId?: string;
}

/** A stream said by itself that it failed. */
export class StreamFailed extends Error {
  override readonly name = "StreamFailed";
  constructor(cause: unknown) {
    super(wordsOf(cause), { cause });
  }
}

interface OpenPart {
  readonly type: "reasoning" | "text";
  text: string;
  metadata: SharedV4ProviderMetadata | undefined;
}

/**
 * Reads a stream to its end.
 * @param onDelta text as it comes, and "" for progress that is no text
 * @throws StreamFailed for an error in the stream; whatever the stream throws
 */
export async function readStream(
  stream: ReadableStream<LanguageModelV4StreamPart>,
  onDelta: (text: string) => void = () => {},
): Promise<StreamedAnswer> {
  const parts: (OpenPart | LanguageModelV4ToolCall)[] = [];
  const open = new Map<string, OpenPart>();
  let finish: StreamedAnswer["finish"];
  let responseId: string | undefined;
  for await (const part of stream as AsyncIterable<LanguageModelV4StreamPart> & typeof stream) {
    onDelta(part.type === "text-delta" ? part.delta : "");
    switch (part.type) {
      case "text-start":
      case "reasoning-start":
      case "text-delta":
      case "reasoning-delta":
      case "text-end":
      case "reasoning-end":
        addToPart(parts, open, part);
        break;
      case "tool-call":
        // What the provider ran itself needs no answer of ours.
        if (part.providerExecuted !== true) parts.push({ ...part, toolCallId: freeId(part.toolCallId, parts) });
        break;
      case "response-metadata":
        responseId ??= part.id;
        break;
      case "finish":
        finish = { reason: part.finishReason, usage: part.usage };
        break;
      case "error":
        throw new StreamFailed(part.error);
      default:
    }
  }
  return {
    parts: parts.map(answerPart).filter((part) => part !== undefined),
    calls: parts.filter((part) => part.type === "tool-call"),
    ...(finish ? { finish } : {}),
    ...(responseId === undefined ? {} : { responseId }),
  };
}

/** Some servers give the calls of an answer one id, or none; a result has to find its call. */
function freeId(id: string, parts: readonly (OpenPart | LanguageModelV4ToolCall)[]): string {
  const taken = new Set(parts.map((part) => (part.type === "tool-call" ? part.toolCallId : undefined)));
  if (id !== "" && !taken.has(id)) return id;
  for (let number = parts.length + 1; ; number += 1) {
    const free = `${id === "" ? "call" : id}_${number}`;
    if (!taken.has(free)) return free;
  }
}

type BlockPart = Extract<LanguageModelV4StreamPart, { type: `${"text" | "reasoning"}-${"start" | "delta" | "end"}` }>;

/** A block's id may come again once it has ended: then it is another block. */
function addToPart(parts: (OpenPart | LanguageModelV4ToolCall)[], open: Map<string, OpenPart>, part: BlockPart): void {
  const type = part.type.startsWith("text") ? "text" : "reasoning";
  const key = `${type} ${part.id}`;
  let block = open.get(key);
  if (!block || part.type.endsWith("start")) {
    block = { type, text: "", metadata: undefined };
    open.set(key, block);
    parts.push(block);
  }
  if ("delta" in part) block.text += part.delta;
  block.metadata = merged(block.metadata, part.providerMetadata);
}

/** What came later in a block stands: a signature comes with the last piece. */
function merged(
  before: SharedV4ProviderMetadata | undefined,
  now: SharedV4ProviderMetadata | undefined,
): SharedV4ProviderMetadata | undefined {
  if (!before || !now) return now ?? before;
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  return Object.fromEntries(names.map((name) => [name, { ...before[name], ...now[name] }]));
}

function answerPart(part: OpenPart | LanguageModelV4ToolCall): AnswerPart | undefined {
  const metadata = part.type === "tool-call" ? part.providerMetadata : part.metadata;
  const options = wantedBack(part.type, metadata);
  const kept = options ? { providerOptions: options } : {};
  if (part.type === "tool-call") return { type: "tool-call", id: part.toolCallId, ...kept };
  return part.text === "" && !options ? undefined : { type: part.type, text: part.text, ...kept };
}

/** Ids of items are of use only to a provider that keeps them, and ours are asked to keep nothing; reasoning needs its id. */
function wantedBack(
  type: AnswerPart["type"],
  metadata: SharedV4ProviderMetadata | undefined,
): SharedV4ProviderOptions | undefined {
  const wanted: SharedV4ProviderOptions = {};
  for (const [name, fields] of Object.entries(metadata ?? {})) {
    const entries = Object.entries(fields).filter(
      ([field, value]) => value !== null && value !== undefined && (type === "reasoning" || field !== "itemId"),
    );
    if (entries.length > 0) wanted[name] = Object.fromEntries(entries) as SharedV4ProviderOptions[string];
  }
  return Object.keys(wanted).length > 0 ? wanted : undefined;
}

function wordsOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  const { message } = (error ?? {}) as { message?: unknown };
  return typeof message === "string" ? message : (JSON.stringify(error) ?? String(error));
}
