import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { ModelAnswer, ModelCallFailed, ModelRequest } from "../../../ports/models.js";
import { eventually } from "../../harness/eventually.js";
import { describeWith } from "../../harness/real-part.js";
import { asking, attempt, failure, MODELS } from "./asking.js";
import { type Llmock, startLlmock } from "./llmock-server.js";

/* `llmock` judges the clients that it breaks. One call of ours is one attempt; here they are repeated as Temporal does. */

const TOOLS = [
  { name: "look", description: "looks", inputSchema: { type: "object", properties: { at: { type: "string" } } } },
];

/** As the run's retry policy: what failed for a while is asked again, after the provider's own wish or a growing pause. */
async function persistently(llmock: Llmock, request: ModelRequest): Promise<ModelAnswer> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await attempt(llmock.models, { ...request, attempt: tried });
    } catch (error) {
      const { kind, retryAfterMs = 100 * 2 ** tried } = error as ModelCallFailed;
      if (kind !== "retry") throw error;
      const until = performance.now() + retryAfterMs;
      await eventually(() => expect(performance.now()).toBeGreaterThan(until));
    }
  }
}

describeWith("llmock", (path) => {
  let llmock: Llmock;
  beforeAll(async () => {
    // Streams take a while, so that the judge sees who hangs up on a broken one, also where the machine is busy.
    llmock = await startLlmock(path, ["--stream-chunk-delay-ms", "60"]);
  });
  afterAll(async () => await llmock.stop());

  test.each(
    MODELS.flatMap(({ model }) =>
      [
        ["a rate limit with Retry-After", [{ type: "fail", status: 429, retry_after: 0.4, times: 2 }], 3],
        ["a server that is down", [{ type: "fail", status: 500 }], 2],
        ["an overload that asks for a pause", [{ type: "fail", status: 529, retry_after: 0.3 }], 2],
        ["a dropped stream", [{ type: "stream_fault", kind: "disconnect", after_chunks: 2 }], 2],
        ["a stream that ends early and says nothing", [{ type: "stream_fault", kind: "truncate", after_chunks: 2 }], 2],
        ["a chunk that is not JSON", [{ type: "stream_fault", kind: "malformed", after_chunks: 2 }], 2],
        ["a slow first token", [{ type: "slow_first_token", seconds: 0.3 }], 1],
      ].map(
        ([fault, behaviors, attempts]) => [model, fault, behaviors, attempts] as [string, string, object[], number],
      ),
    ),
  )("%s: the answer comes after %s", async (model, fault, behaviors, attempts) => {
    const before = (await llmock.requests()).length;
    await llmock.queue(behaviors);
    const answer = await persistently(llmock, asking(model, `${fault}, ${model}`));
    expect(answer.text.length).toBeGreaterThan(10);
    expect(answer.usage?.outputTokens).toBeGreaterThan(0);
    expect((await llmock.requests()).length - before).toBe(attempts);
  });

  test.each(
    MODELS.flatMap(({ model }) =>
      [
        [400, "never"],
        [401, "never"],
        [403, "never"],
        [404, "unknown-model"],
        [422, "never"],
      ].map(([status, kind]) => [model, status, kind] as [string, number, string]),
    ),
  )("%s: a %d is not asked again: %s", async (model, status, kind) => {
    await llmock.queue([{ type: "fail", status }]);
    const failed = await failure(persistently(llmock, asking(model, `${status} for ${model}`)));
    expect(failed).toMatchObject({ kind, billed: "none", status });
  });

  test.each(MODELS)("$model: a stalled stream is left when its run wants to", async ({ model }) => {
    const before = (await llmock.requests()).length;
    await llmock.queue([{ type: "stream_fault", kind: "stall", after_chunks: 2, stall_seconds: 20 }]);
    const stop = new AbortController();
    let progress = 0;
    const call = llmock.models.call(asking(model, `stall for ${model}`), {
      signal: stop.signal,
      onDelta: () => {
        progress += 1;
        // The first event shows that the stream has begun.
        if (progress === 1) stop.abort();
      },
    });
    expect(await failure(call)).toMatchObject({ kind: "cancelled", billed: "unknown" });
    await eventually(async () => expect((await llmock.requests()).length).toBe(before + 1));
    expect((await llmock.requests()).at(-1)).toMatchObject({ completed: false });
  });

  test.each(MODELS)("$model: a broken tool call comes as it is", async ({ model }) => {
    const tools = { tools: TOOLS };
    await llmock.queue([{ type: "tool_fault", kind: "unknown_tool" }]);
    const unknown = await persistently(llmock, asking(model, `unknown tool for ${model}`, tools));
    expect(unknown.toolCalls).toMatchObject([{ name: "llmock_unknown_tool" }]);
    await llmock.queue([{ type: "tool_fault", kind: "malformed_arguments" }]);
    const malformed = await persistently(llmock, asking(model, `malformed arguments for ${model}`, tools));
    // Gemini's format has no text of arguments that could be malformed.
    if (model.startsWith("google/")) expect(malformed.toolCalls).toMatchObject([{ name: "look", args: {} }]);
    else expect(malformed.toolCalls).toMatchObject([{ name: "look", raw: expect.stringMatching(/^\{/) }]);
  });

  test("a prompt above the context window is told apart from other refusals", async () => {
    const small = await startLlmock(path, ["--context-window", "50"]);
    try {
      for (const { model } of MODELS) {
        const failed = await failure(attempt(small.models, asking(model, "long ".repeat(100))));
        expect(failed).toMatchObject({ kind: "context", billed: "none", status: 400 });
      }
    } finally {
      await small.stop();
    }
  });

  test("the judge has nothing against what the client did in all of that", async () => {
    const { passed, text } = await llmock.report();
    expect(text).toContain("PASS  the client handled every injected fault correctly");
    expect(passed).toBe(true);
  });

  test("the judge is no pushover: it reports a client that ignores Retry-After", async () => {
    const other = await startLlmock(path);
    try {
      await other.queue([{ type: "fail", status: 429, retry_after: 30 }]);
      const request = asking("openai/gpt-4o-mini", "hasty");
      await failure(attempt(other.models, request));
      await attempt(other.models, request);
      const { passed, text } = await other.report();
      expect(passed).toBe(false);
      expect(text).toContain("retry_after_ignored");
    } finally {
      await other.stop();
    }
  });
});
