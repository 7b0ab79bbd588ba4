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

const TOO_LONG = new RegExp(
  [
    "context.?length",
    "context (window|limit|size)",
    "prompt is too long",
    "too many tokens",
    "input token count",
    "maximum context",
  ].join("|"),
  "i",
);

/** 429s that no waiting helps: the prompt is above the account's limit for a minute, or the account is empty. */
const TOO_LARGE_AT_ONCE = /request too large/i;
const NO_QUOTA = /insufficient_quota|billing_hard_limit/i;

/** Gateways answer these while the provider may still be generating. */
const TIMED_OUT_BEHIND_A_GATEWAY = [504, 520, 522, 524];

/** Which kind of failure an HTTP status is, and whether it may have been billed; 200 is a stream that was cut. */
export function httpFailure(failure: HttpFailure): ModelCallFailed {
  const { message, status, retryAfterMs, usage } = failure;
  const kind = failureKind(failure);
  const unknown = kind === "retry" && (status < 300 || TIMED_OUT_BEHIND_A_GATEWAY.includes(status));
  const billed = usage ? "known" : unknown ? "unknown" : "none";
  return new ModelCallFailed(message, { kind, billed, status, retryAfterMs, usage });
}

/** Which kind of failure a status and what came with it are. */
export function failureKind({ status, message, body = "" }: Omit<HttpFailure, "usage">): ModelFailureKind {
  const words = `${message} ${body}`;
  if (status === 413 || (status === 400 && TOO_LONG.test(words))) return "context";
  if (status === 404) return "unknown-model";
  if (status === 429 && TOO_LARGE_AT_ONCE.test(words)) return "context";
  if (status === 429 && NO_QUOTA.test(words)) return "never";
  // Redirects are not followed.
  if (status >= 300 && status < 400) return "never";
  return status < 300 || [408, 409, 429].includes(status) || status >= 500 ? "retry" : "never";
}
