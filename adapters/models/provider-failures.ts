import { APICallError } from "@ai-sdk/provider";
import { ModelCallFailed } from "../../ports/models.js";
import { failureKind, httpFailure } from "./http-failures.js";
import type { Provider } from "./provider.js";
import { retryAfterMs } from "./retry-after.js";
import { StreamFailed } from "./streamed-answer.js";
import type { Wire } from "./wire.js";

/** Where an attempt that gave no answer stood. */
interface FailedAttempt {
  readonly model: string;
  readonly provider: Provider;
  readonly wire: Wire;
  /** The caller's own word ended it. */
  readonly cancelled: boolean;
}

/** Nothing has left us where a connection failed with one of these. */
const NEVER_CONNECTED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|ERR_TLS_\w+|CERT_\w+|\w+_CERT\w*|UNABLE_TO_\w+)$/;

/** Why an attempt gave no answer, and what is known of its bill: what cannot be known counts as billed. */
export function failureOf(error: unknown, attempt: FailedAttempt): ModelCallFailed {
  const failure = whyOf(error, attempt);
  const id = requestId(attempt.wire);
  return id === undefined ? failure : new ModelCallFailed(failure.message, { ...failure, requestId: id });
}

function whyOf(error: unknown, attempt: FailedAttempt): ModelCallFailed {
  const { wire } = attempt;
  // An abort looks like any failure of the connection.
  if (attempt.cancelled) return cancelled(wire.sent);
  if (error instanceof ModelCallFailed) return error;
  const say = (what: string) => words(what, attempt);
  if (wire.status === undefined) return unanswered(error, wire.sent, say);
  if (wire.status < 200 || wire.status >= 300) return refused(error, wire, wire.status, say);
  return lost(error, wire.status, say);
}

/** The call was ended by who made it. */
export function cancelled(sent: boolean): ModelCallFailed {
  const message = sent ? "the call was cancelled" : "the call was cancelled before it began";
  return new ModelCallFailed(message, { kind: "cancelled", billed: sent ? "unknown" : "none" });
}

/** No head of an answer came: the connection failed, or nothing was sent at all. */
function unanswered(error: unknown, sent: boolean, say: (what: string) => string): ModelCallFailed {
  if (!sent) return new ModelCallFailed(say(messageOf(error)), { kind: "never", billed: "none" });
  const code = codeOf(error);
  const billed = code !== undefined && NEVER_CONNECTED.test(code) ? "none" : "unknown";
  const what = code === undefined ? "the connection failed" : `the connection failed (${code})`;
  return new ModelCallFailed(say(`${what}: ${messageOf(error)}`), { kind: "retry", billed });
}

/** The provider answered with an error's status. */
function refused(error: unknown, wire: Wire, status: number, say: (what: string) => string): ModelCallFailed {
  const body = APICallError.isInstance(error) ? error.responseBody : undefined;
  const to = status >= 300 && status < 400 ? ` (a redirect to ${wire.headers?.get("location")}, not followed)` : "";
  return httpFailure({
    message: say(`HTTP ${status}${to}: ${messageWithBody(error, body)}`),
    status,
    body: `${messageOf(error)} ${body ?? ""}`,
    retryAfterMs: retryAfterMs({ headers: wire.headers, body }, new Date()),
  });
}

/** Where the provider library found no message in the body, the body itself says most. */
function messageWithBody(error: unknown, body: string | undefined): string {
  const message = messageOf(error);
  const shown = body?.replace(/\s+/g, " ").trim();
  return shown && !JSON.stringify(body).includes(JSON.stringify(message).slice(1, -1))
    ? `${message}: ${shown}`
    : message;
}

/** The answer had begun. */
function lost(error: unknown, httpStatus: number, say: (what: string) => string): ModelCallFailed {
  const told = toldStatus(error);
  if (told !== undefined) {
    const message = messageOf(error);
    const kind = failureKind({ status: told, message, ...bodyOf(error) });
    return new ModelCallFailed(say(`the stream failed (${told}): ${message}`), {
      kind,
      billed: "unknown",
      status: told,
    });
  }
  // What the provider library cannot read it will not be able to read again.
  const kind = APICallError.isInstance(error) || error instanceof StreamFailed ? "retry" : "never";
  const message = say(`the stream was lost: ${messageOf(error)}`);
  return new ModelCallFailed(message, { kind, billed: "unknown", status: httpStatus });
}

/** A status that an error in a stream carries. */
function toldStatus(error: unknown): number | undefined {
  const { statusCode } = ((error instanceof StreamFailed ? error.cause : error) ?? {}) as { statusCode?: unknown };
  return typeof statusCode === "number" && statusCode >= 400 ? statusCode : undefined;
}

function bodyOf(error: unknown): { readonly body?: string } {
  const cause = (error instanceof StreamFailed ? error.cause : error) as { responseBody?: unknown; data?: unknown };
  const body = typeof cause.responseBody === "string" ? cause.responseBody : JSON.stringify(cause.data);
  return body === undefined ? {} : { body };
}

interface Cause {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly code?: unknown;
  readonly cause?: unknown;
  readonly errors?: readonly unknown[];
}

/** An error and the causes below it. Errors of other realms are no `Error` of ours, so classes don't count. */
function causesOf(error: unknown): readonly Cause[] {
  const causes: Cause[] = [];
  for (let at: unknown = error; typeof at === "object" && at !== null && causes.length < 8; ) {
    const { cause, errors } = at as Cause;
    causes.push(at);
    at = cause ?? errors?.[0];
  }
  return causes;
}

/** What the provider says; where the connection or the library failed, the innermost reason. */
function messageOf(error: unknown): string {
  const causes = causesOf(error);
  const told = causes.find((cause) => !isWrapper(cause)) ?? causes.at(-1);
  const message = typeof told?.message === "string" ? told.message.replace(/\s+/g, " ").trim() : "";
  return message === "" ? "no reason given" : message;
}

/** "Failed to process successful response", "fetch failed", "terminated": says nothing that its cause does not say better. */
function isWrapper(cause: Cause): boolean {
  if (cause.cause === undefined) return false;
  return cause.name === "TypeError" || (APICallError.isInstance(cause) && cause.responseBody === undefined);
}

/** The code of a failed connection, wherever in the chain of causes it stands. */
function codeOf(error: unknown): string | undefined {
  return causesOf(error)
    .map(({ code }) => code)
    .find((code) => typeof code === "string");
}

const LONGEST_MESSAGE = 1_000;

/** For people: which model, what happened, the provider's id of the request; never the key. */
function words(what: string, { model, provider: { key }, wire }: FailedAttempt): string {
  const id = requestId(wire);
  const safe = key === undefined ? what : what.replaceAll(key, "[key]");
  const short = safe.length > LONGEST_MESSAGE ? `${safe.slice(0, LONGEST_MESSAGE)}…` : safe;
  return `${model}: ${short}${id === undefined ? "" : ` (request ${id})`}`;
}

/** The id that the provider's support asks for, from the answer's head. */
export function requestId({ headers }: Wire): string | undefined {
  return headers?.get("x-request-id") ?? headers?.get("request-id") ?? undefined;
}
