import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { ModelCallFailed, type ModelRequest, type Models } from "../../ports/models.js";
import { eventually } from "../harness/eventually.js";

/** Models that an implementation has to offer to be tested: what each does when it is called. */
export interface ModelsUnderTest {
  readonly models: Models;
  /** Answers "hello there" at once, with usage. */
  readonly answering: string;
  /** Asks for the tool `look` with `{"at":"x"}`. */
  readonly asking: string;
  /** Answers HTTP 429 with a Retry-After of 7 s. */
  readonly limited: string;
  /** Begins, and never ends. */
  readonly stalling: string;
  /** The stream is cut. */
  readonly cut: string;
  readonly unknown: string;
  /** Attempts that have reached the provider so far; undefined where it is none that counts. */
  readonly attempts?: () => number;
  readonly stop: () => Promise<void>;
}

/** The promises of ports/models.ts, for every implementation. */
export function modelsSuite({ open }: { readonly open: () => Promise<ModelsUnderTest> }): void {
  let under: ModelsUnderTest;
  beforeEach(async () => {
    under = await open();
  });
  afterEach(async () => await under.stop());

  const request = (model: string): ModelRequest => ({
    model,
    instructions: "You are a test.",
    messages: [{ role: "user", text: "hello", turn: 1 }],
    tools: [{ name: "look", description: "looks", inputSchema: { type: "object" } }],
    maxOutputTokens: 1_000,
    turn: 1,
    attempt: 1,
    conversation: "run-1/first-1",
  });
  const call = async (model: string, signal = new AbortController().signal, onDelta?: (text: string) => void) =>
    await under.models.call(request(model), { signal, ...(onDelta ? { onDelta } : {}) });
  const failureOf = async (attempt: Promise<unknown>): Promise<ModelCallFailed> => {
    const error = await attempt.then(
      () => new Error("there was an answer"),
      (failed: unknown) => failed,
    );
    if (error instanceof ModelCallFailed) return error;
    throw error;
  };

  test("an answer has a text, which was told in pieces, what it used, and the request's id", async () => {
    const pieces: string[] = [];
    const answer = await call(under.answering, undefined, (text) => void pieces.push(text));
    expect(answer).toMatchObject({ text: "hello there", toolCalls: [], finishReason: "stop" });
    expect(pieces.join("")).toBe("hello there");
    expect(answer.usage?.inputTokens).toBeGreaterThan(0);
    expect(answer.requestId).toEqual(expect.any(String));
  });

  test("an answer may ask for tools, each call with an id", async () => {
    const { toolCalls, finishReason } = await call(under.asking);
    expect(finishReason).toBe("tool-calls");
    expect(toolCalls).toEqual([{ id: expect.stringMatching(/./), name: "look", args: { at: "x" } }]);
  });

  test("what was refused has billed nothing, and says when to come again; it is tried once", async () => {
    const failed = await failureOf(call(under.limited));
    expect(failed).toMatchObject({ kind: "retry", billed: "none", status: 429, retryAfterMs: 7_000 });
    if (under.attempts) expect(under.attempts()).toBe(1);
  });

  test("a stream that was cut is no answer, and may have been billed", async () => {
    expect(await failureOf(call(under.cut))).toMatchObject({ kind: "retry", billed: "unknown" });
  });

  test("an abort ends a call that would never end", async () => {
    const stop = new AbortController();
    const failed = failureOf(call(under.stalling, stop.signal));
    if (under.attempts) await eventually(() => expect(under.attempts?.()).toBe(1));
    stop.abort();
    expect(await failed).toMatchObject({ kind: "cancelled" });
  });

  test("what was aborted before it began is not sent", async () => {
    expect(await failureOf(call(under.answering, AbortSignal.abort()))).toMatchObject({
      kind: "cancelled",
      billed: "none",
    });
    if (under.attempts) expect(under.attempts()).toBe(0);
  });

  test("a model that is not known is refused at every door", async () => {
    // One after the other: a rejection that nobody looks at yet would fail the test by itself.
    for (const attempt of [
      async () => await under.models.facts(under.unknown, new Date()),
      async () => await under.models.knownBound(under.unknown, 1),
      async () => await call(under.unknown),
    ]) {
      expect(await failureOf(attempt())).toMatchObject({ kind: "unknown-model", billed: "none" });
    }
  });

  test("what is known of a model has a name to book it under, and a bound of its input", async () => {
    const facts = await under.models.facts(under.answering, new Date());
    expect(facts.bookedAs).toMatch(/^[^/]+\/.+/);
    expect(facts.inputBound.factor).toBeGreaterThanOrEqual(1);
    expect(facts.inputBound.hidden).toBeGreaterThanOrEqual(0);
    const { usage } = await call(under.answering);
    const bound = await under.models.knownBound(under.answering, 1);
    if (bound) expect(usage).toMatchObject(bound);
  });
}
