import type { JsonObject } from "../../core/json.js";
import type { Usage } from "../../core/usage.js";
import type { FinishReason, ModelAnswer, ModelCallFailed, ModelRequest } from "../../ports/models.js";
import { httpFailure } from "./http-failures.js";

/** A turn of a script as it is recorded: CONTRACT's TURN, and where in its run it stood. */
export interface RecordedTurn {
  /** The run's turn and the attempt at it, which order the file; players ignore both. */
  readonly turn: number;
  readonly attempt: number;
  readonly text?: string;
  readonly toolCalls?: readonly { readonly name: string; readonly args: JsonObject; readonly raw?: string }[];
  readonly usage?: Usage;
  readonly finishReason?: FinishReason;
  readonly error?: { readonly status: number; readonly retryAfterMs?: number; readonly message: string };
}

export function answerTurn({ turn, attempt }: ModelRequest, answer: ModelAnswer): RecordedTurn {
  const { text, toolCalls, usage, finishReason } = answer;
  const otherwise = toolCalls.length > 0 ? "tool-calls" : "stop";
  return {
    turn,
    attempt,
    ...(text === "" ? {} : { text }),
    ...(toolCalls.length === 0
      ? {}
      : {
          toolCalls: toolCalls.map(({ name, args, raw }) => ({
            name,
            args: args ?? {},
            ...(args ? {} : { raw: raw ?? "" }),
          })),
        }),
    ...(usage ? { usage } : {}),
    ...(finishReason === otherwise ? {} : { finishReason }),
  };
}

/** Undefined for what the model had no part in: our own cancellation, and what was never sent. */
export function errorTurn({ turn, attempt }: ModelRequest, failure: ModelCallFailed): RecordedTurn | undefined {
  if (failure.kind === "cancelled") return undefined;
  const { message, retryAfterMs, usage } = failure;
  return {
    turn,
    attempt,
    error: { status: playedStatus(failure), ...(retryAfterMs === undefined ? {} : { retryAfterMs }), message },
    ...(usage ? { usage } : {}),
  };
}

/** The status that makes a script fail in the same way: the provider's own where it does. */
function playedStatus(failure: ModelCallFailed): number {
  const candidates = [failure.status, 200, 503, 400, 402, 404, 413, 504];
  const fits = (status: number) => {
    const played = httpFailure({ message: failure.message, status, usage: failure.usage });
    return played.kind === failure.kind && played.billed === failure.billed;
  };
  // A kind and a bill that no status stands for, as of an error within a stream, play as what is closest: the same kind.
  const close = (status: number) => httpFailure({ message: failure.message, status }).kind === failure.kind;
  const known = candidates.filter((status) => status !== undefined);
  return known.find(fits) ?? known.find(close) ?? 503;
}
