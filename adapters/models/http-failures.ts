import type { Usage } from "../../core/usage.js";
import { ModelCallFailed, type ModelFailureKind } from "../../ports/models.js";

/** What a provider's HTTP answer says about an attempt that gave no answer. */
export interface HttpFailure {
  readonly message: string;
  readonly status: number;
  /** The answer's body, where providers say which kind of 400 it is. */
  readonly body?: string;
  readonly retryAfterMs?: number | undefined;
  /** Counted by the provider before the end. */
  readonly usage?: Usage | undefined;
}

const TOO_LONG = /context.?length|context window|prompt is too long|too many tokens|input token count|maximum context/i;

/** Gateways answer these while the provider may still be generating. */
const TIMED_OUT_BEHIND_A_GATEWAY = [504, 522, 524];

/** Which kind of failure an HTTP status is, and whether it may have been billed; 200 is a stream that was cut. */
export function httpFailure(failure: HttpFailure): ModelCallFailed {
  const { message, status, retryAfterMs, usage } = failure;
  const kind = failureKind(failure);
  const unknown = kind === "retry" && (status < 400 || TIMED_OUT_BEHIND_A_GATEWAY.includes(status));
  const billed = usage ? "known" : unknown ? "unknown" : "none";
  return new ModelCallFailed(message, { kind, billed, status, retryAfterMs, usage });
}

function failureKind({ status, message, body = "" }: HttpFailure): ModelFailureKind {
  if (status === 413 || (status === 400 && TOO_LONG.test(`${message} ${body}`))) return "context";
  if (status === 404) return "unknown-model";
  if (status < 400 || status === 408 || status === 409 || status === 429 || status >= 500) return "retry";
  return "never";
}
