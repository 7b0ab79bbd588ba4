import type { ForkPoint } from "./activity-contract.js";
import type { JsonObject } from "./json.js";
import type { BlobAddress } from "./transcript.js";

/** US dollars as they come from outside: "0.50", or 0.5. At most nine decimals. */
export type UsdAmount = string | number;

/** Text, or the address of the blob that has it. */
export type RequestText = string | { readonly ref: BlobAddress };

/** An input of `agentRun` as CONTRACT has it: what callers send. `core/input.ts` checks it and fills in the defaults. */
export type RunRequest = RunSettings &
  (
    | { readonly input: RequestText; readonly fork?: ForkPoint }
    /** A fork may go on without a word, where its transcript does not end with an answer. */
    | { readonly input?: RequestText; readonly fork: ForkPoint }
  );

/** What a request says besides what is asked. */
export interface RunSettings {
  readonly agent: string;
  /** `provider/model`. @default the agent's own */
  readonly model?: string;
  /** In order of preference, after `model`: `degrade` and fall-back go down this list. */
  readonly models?: readonly string[];
  /** Model calls. @default 50 */
  readonly maxTurns?: number;
  readonly budget?: {
    /** May be left out where an account pays. */
    readonly limitUsd?: UsdAmount;
    /** A warning when it is crossed; at most `limitUsd`. */
    readonly softLimitUsd?: UsdAmount;
    /** @default "fail" */
    readonly onExhausted?: "fail" | "pause" | "degrade" | "throw";
  };
  /** Path of the account that pays, such as `acme/search`. */
  readonly account?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly limits?: {
    readonly toolCalls?: number;
    /** Such as "2h". */
    readonly wallTime?: string;
    readonly tokens?: number;
    /** The same call with the same arguments, again and again. */
    readonly sameCall?: number;
  };
  /** JSON Schema of the answer. */
  readonly outputSchema?: JsonObject;
  readonly approvals?: {
    /** @default "unsafe": tools that are not marked safe */
    readonly default?: "unsafe" | "always" | "never";
    readonly tools?: Readonly<Record<string, "always" | "never">>;
    /** Such as "24h". @default a gate waits for ever */
    readonly timeout?: string;
    /** @default "reject" */
    readonly onTimeout?: "reject" | "approve" | "escalate";
    /** @default anyone */
    readonly approvers?: readonly string[];
    /** Different people. @default 1 */
    readonly quorum?: number;
    readonly escalateTo?: readonly string[];
    /** @default "asserted" */
    readonly identity?: "asserted" | "verified";
  };
  /** By path in the run's workspace. */
  readonly files?: Readonly<Record<string, RequestText>>;
}
