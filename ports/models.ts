import type { Json, JsonObject } from "../core/json.js";
import type { ModelPrice, TokenBound } from "../core/pricing.js";
import type { Message } from "../core/transcript.js";
import type { Usage } from "../core/usage.js";

/** A tool as a model sees it. */
export interface ToolDescription {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of an object. */
  readonly inputSchema: JsonObject;
}

/** One attempt to get one answer. All texts are in full: nothing is a ref any more. */
export interface ModelRequest {
  /** `provider/model`. */
  readonly model: string;
  readonly instructions: string;
  /** The whole conversation, oldest first; request n is a prefix of request n + 1. */
  readonly messages: readonly Message[];
  /** Sorted by name. */
  readonly tools: readonly ToolDescription[];
  /** The cap that is sent; the provider bills no output above it. */
  readonly maxOutputTokens: number;
  readonly temperature?: number;
  /** The run's turn that asks, from 1. */
  readonly turn: number;
  /** Attempts at this turn's answer so far, this one included, over all retries and crashes. From 1. */
  readonly attempt: number;
  /** Stable for all calls of a run: routes to the provider's prompt cache. */
  readonly conversation: string;
  /** The answer may come from what was bought before, and be kept for others of the same scope. @default it may not */
  readonly cache?: { readonly ttlMs: number; readonly scope: string };
}

/** A tool call as the model wrote it. */
export interface AskedToolCall {
  readonly id: string;
  readonly name: string;
  /** The arguments where they are a JSON object; else undefined and `raw` has what the model wrote. */
  readonly args?: JsonObject;
  readonly raw?: string;
}

export const FINISH_REASONS = ["stop", "length", "tool-calls", "content-filter", "other"] as const;

export type FinishReason = (typeof FINISH_REASONS)[number];

/** A whole answer; a stream that was cut is never one. */
export interface ModelAnswer {
  readonly text: string;
  readonly toolCalls: readonly AskedToolCall[];
  readonly finishReason: FinishReason;
  /** Undefined where the provider reported none (or zeros). */
  readonly usage?: Usage;
  /** The provider's own usage object, as it came. */
  readonly rawUsage?: Json;
  /** The provider's id of this request, for reconciliation with its invoice. */
  readonly requestId?: string;
  /** What the provider needs back in the next prompt (`Message.providerParts`). */
  readonly providerParts?: readonly Json[];
  /** It was bought before, by whoever asked the same: `usage` is what was counted then, and nothing is billed now. */
  readonly fromCache?: true;
}

/**
 * Why there is no answer.
 * `retry`: later (429, 5xx, connection) · `never`: the same request fails again · `context`: the prompt is too long ·
 * `unknown-model` · `cancelled`: our own signal.
 */
export type ModelFailureKind = "retry" | "never" | "context" | "unknown-model" | "cancelled";

/** An attempt that gave no answer, with what is known of its bill. */
export class ModelCallFailed extends Error {
  override readonly name = "ModelCallFailed";
  readonly kind: ModelFailureKind;
  /** `none`: provably not billed · `unknown`: may have been billed up to the reservation · `known`: `usage` was reported before the end. */
  readonly billed: "none" | "unknown" | "known";
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly usage: Usage | undefined;
  /** The provider was not asked, as it has failed too often: where there is another model, that is the one to ask. */
  readonly leftAlone: boolean;
  /** The provider's id of the request, where the head of an answer came: its list of requests names it. */
  readonly requestId: string | undefined;
  constructor(
    message: string,
    facts: {
      kind: ModelFailureKind;
      billed: "none" | "unknown" | "known";
      status?: number | undefined;
      retryAfterMs?: number | undefined;
      usage?: Usage | undefined;
      leftAlone?: boolean;
      requestId?: string | undefined;
    },
  ) {
    super(message);
    this.kind = facts.kind;
    this.billed = facts.billed;
    this.status = facts.status;
    this.retryAfterMs = facts.retryAfterMs;
    this.usage = facts.usage;
    this.leftAlone = facts.leftAlone ?? false;
    this.requestId = facts.requestId;
  }
}

/** What a caller of a model may watch and stop. */
export interface ModelCallOptions {
  /** Aborting closes the provider's connection at once; the call then rejects with kind `cancelled`. */
  readonly signal: AbortSignal;
  /** Text as it arrives; also called with "" for progress that is no text (reasoning, tool arguments). */
  readonly onDelta?: (text: string) => void;
}

/** What is known of a model before it is called. */
export interface ModelFacts {
  /** The name that bookings, metrics and events use (a script's own `model` for `scripted/…`). */
  readonly bookedAs: string;
  /** Undefined: there is no price for it. */
  readonly price?: ModelPrice;
  /** Spends part of its output on reasoning, so a small cap returns nothing. */
  readonly reasoning: boolean;
  /** `f × bytes + hidden` bounds the input tokens of a request. */
  readonly inputBound: { readonly factor: number; readonly hidden: number };
}

/**
 * The models that can be called. One call is one attempt: an implementation never retries.
 */
export interface Models {
  /**
   * What is known of a model, at a time (prices are dated).
   * @throws ModelCallFailed `unknown-model` where there is no such provider or model, or its key is missing: the message names the variable.
   */
  facts(model: string, at: Date): Promise<ModelFacts>;
  /** The exact bound of the answer of `turn`, where it is known beforehand (scripts with usage); else undefined. */
  knownBound(model: string, turn: number): Promise<TokenBound | undefined>;
  /** @throws ModelCallFailed */
  call(request: ModelRequest, options: ModelCallOptions): Promise<ModelAnswer>;
}
