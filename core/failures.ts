import type { JsonObject } from "./json.js";

/** What a failure means, and what may be done. */
export interface FailureKind {
  /** What the reader should do; a full sentence. */
  readonly advice: string;
  /** `later`: the same request may succeed; Temporal tries again · `never`: it fails again. */
  readonly retry: "later" | "never";
  /** In CONTRACT: callers may rely on the name. */
  readonly contract: boolean;
}

/** Every failure by its type: what Temporal records, what callers compare. */
export const FAILURES = {
  InvalidInput: {
    advice: "Correct the fields that are named and start the run again.",
    retry: "never",
    contract: true,
  },
  UnknownAgent: {
    advice: "Ask `wflo agents` for the agents of this worker, or set WFLO_AGENTS to the module that has it.",
    retry: "never",
    contract: true,
  },
  UnknownModel: {
    advice: "Name a model as provider/model, and set that provider's key where the worker runs; `wflo doctor` looks.",
    retry: "never",
    contract: true,
  },
  ModelRefused: {
    advice: "Read what the provider says; asking the same again fails again. Name a second model to fall back to.",
    retry: "never",
    contract: true,
  },
  ContextTooLong: {
    advice: "Name a model with a longer context, or fork the run from an earlier turn with `wflo fork`.",
    retry: "never",
    contract: true,
  },
  ToolFailed: {
    advice: "Look at the tool's activity in the Temporal Web UI, mend the tool and start the run again.",
    retry: "never",
    contract: true,
  },
  SandboxUnavailable: {
    advice:
      "Start a worker with `wflo worker --queues sandbox`, and ask `wflo sandbox check` what its host lacks; code is never run without a sandbox.",
    retry: "never",
    contract: true,
  },
  BudgetExhausted: {
    advice: "Top up with `wflo budget add`, or start the run with a higher limit.",
    retry: "never",
    contract: true,
  },
  ModelUnavailable: {
    advice: "The provider did not answer and billed nothing; it is asked again by itself.",
    retry: "later",
    contract: false,
  },
  AttemptLost: {
    advice: "The attempt may have been billed; the run books it as unconfirmed and reserves anew.",
    retry: "never",
    contract: false,
  },
  OutputInvalid: {
    advice: "Loosen the output schema, or name a model that keeps to schemas.",
    retry: "never",
    contract: false,
  },
  BlobMissing: {
    advice: "Check that all workers have the same WFLO_BLOBS and that nothing there was deleted.",
    retry: "later",
    contract: false,
  },
  BlobCorrupt: {
    advice: "Restore the blob that is named from a backup of WFLO_BLOBS: its content is not what was stored.",
    retry: "never",
    contract: false,
  },
} as const satisfies Record<string, FailureKind>;

export type FailureType = keyof typeof FAILURES;

/**
 * A refusal or failure of Wflo: what happened (message), to what (facts), what to do (advice). Has no import of Temporal;
 * `activities/failures.ts` translates it. Compare `type`, not the class: classes do not survive Temporal's wire.
 */
export class WfloError<Facts extends JsonObject = JsonObject> extends Error {
  override readonly name: string = "WfloError";
  readonly type: FailureType;
  readonly advice: string;
  readonly facts: Facts;
  /** Asked again after so many milliseconds, where `type` may be asked again. */
  readonly retryAfterMs: number | undefined;

  constructor(
    type: FailureType,
    message: string,
    options: {
      readonly facts?: Facts;
      readonly advice?: string;
      readonly retryAfterMs?: number;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.type = type;
    this.advice = options.advice ?? FAILURES[type].advice;
    this.facts = options.facts ?? ({} as Facts);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** True for a WfloError, also for one of another copy of this module (a workflow's realm, a test's). */
export function isWfloError(error: unknown): error is WfloError {
  if (!(typeof error === "object" && error !== null)) return false;
  const { type, advice } = error as { type?: unknown; advice?: unknown };
  return isFailureType(type) && typeof advice === "string";
}

/** True for a type of the catalogue. */
export function isFailureType(type: unknown): type is FailureType {
  return typeof type === "string" && Object.hasOwn(FAILURES, type);
}

/** Temporal may run the same activity again. */
export function mayRetry(type: FailureType): boolean {
  return FAILURES[type].retry === "later";
}

/** `InvalidInput` of named problems, one line each. */
export function invalidInput(problems: readonly string[]): WfloError<{ problems: readonly string[] }> {
  const [first = "the input is wrong"] = problems;
  const message = problems.length <= 1 ? first : problems.map((problem) => `\n- ${problem}`).join("");
  return new WfloError("InvalidInput", problems.length <= 1 ? message : `${problems.length} problems:${message}`, {
    facts: { problems },
  });
}
