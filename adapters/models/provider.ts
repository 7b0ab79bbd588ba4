import type { LanguageModelV4, SharedV4ProviderOptions } from "@ai-sdk/provider";
import type { InputBound } from "../../core/input-bound.js";
import type { ModelRequest } from "../../ports/models.js";

/** A provider as it is set up in this process. */
export interface Provider {
  /** What stands before the slash. */
  readonly name: string;
  /** Why it cannot be called: the variable that is missing or wrong. Undefined: it can. */
  readonly problem?: string;
  /** Its key, which no message may carry. */
  readonly key?: string;
  readonly inputBound: InputBound;
  /** Caps above this are lowered. */
  readonly mostOutputTokens?: number;
  /** @param id what stands after the slash */
  readonly open: (id: string, fetch: typeof globalThis.fetch) => LanguageModelV4;
  /** Options of each call. */
  readonly options: (request: ModelRequest) => SharedV4ProviderOptions;
  /** Options of the instructions. */
  readonly instructionOptions?: SharedV4ProviderOptions;
  /** Which ids of tool calls it takes back; others are rewritten. @default any */
  readonly callIds?: RegExp;
}
