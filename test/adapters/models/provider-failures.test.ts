import type { IncomingHttpHeaders } from "node:http";
import { LLMock } from "@copilotkit/aimock";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import type { Models } from "../../../ports/models.js";
import { freePort } from "../../../workers/free-port.js";
import { eventually } from "../../harness/eventually.js";
import { asking, attempt, failure, MODELS, modelsAt } from "./asking.js";
import { type MockedAnswer, type MockProvider, startMockProvider } from "./mock-provider.js";
import { anthropicAnswer, chatAnswer, googleAnswer, openaiAnswer } from "./native-answers.js";

/* How calls fail, through real HTTP. What cannot be known counts as billed; nothing is ever retried here. */

const WORDS = "word ".repeat(60);

describe("against aimock", () => {
  let mock: LLMock;
  let models: Models;
  beforeAll(async () => {
    mock = new LLMock({ port: 0 });
    const refuse = (text: string, status: number, more: object = {}) =>
      mock.onMessage(text, { error: { message: `said ${text}`, type: "some_error" }, status, ...more });
    refuse("slow down", 429, { retryAfter: 7 });
    refuse("broken", 500);
    refuse("overloaded", 529);
    refuse("wrong key", 401);
    refuse("wrong request", 400);
    mock.onMessage("too long", { error: { message: "prompt is too long: 9 tokens > 8 maximum" }, status: 400 });
    mock.addFixture({
      match: { userMessage: "be cut" },
      response: { content: WORDS },
      latency: 5,
      truncateAfterChunks: 2,
    });
    mock.addFixture({
      match: { userMessage: "hang up" },
      response: { content: WORDS },
      latency: 20,
      disconnectAfterMs: 50,
    });
    mock.addFixture({ match: { userMessage: "malformed" }, response: { content: "x" }, chaos: { malformedRate: 1 } });
    mock.addFixture({ match: { userMessage: "gone" }, response: { content: "x" }, chaos: { disconnectRate: 1 } });
    mock.addFixture({ match: { userMessage: "drop" }, response: { content: "x" }, chaos: { dropRate: 1 } });
    await mock.start();
    models = modelsAt(mock.url);
  });
  afterAll(async () => await mock.stop());

  describe.each(MODELS)("$name", ({ model }) => {
    test.each([
      ["slow down", { kind: "retry", billed: "none", status: 429, retryAfterMs: 7_000 }],
      ["broken", { kind: "retry", billed: "none", status: 500 }],
      ["overloaded", { kind: "retry", billed: "none", status: 529 }],
      ["drop", { kind: "retry", billed: "none", status: 500 }],
      ["wrong key", { kind: "never", billed: "none", status: 401 }],
      ["wrong request", { kind: "never", billed: "none", status: 400 }],
      ["too long", { kind: "context", billed: "none", status: 400 }],
      ["no such thing", { kind: "unknown-model", billed: "none", status: 404 }],
      ["be cut", { kind: "retry", billed: "unknown", status: 200 }],
      ["hang up", { kind: "retry", billed: "unknown", status: 200 }],
      ["malformed", { kind: "retry", billed: "unknown", status: 200 }],
      ["gone", { kind: "retry", billed: "unknown", status: undefined }],
    ] as const)("%s: %j, and one request was made", async (text, facts) => {
      const before = mock.getRequests().length;
      const failed = await failure(attempt(models, asking(model, text)));
      expect(failed).toMatchObject(facts);
      expect(failed.message).toContain(`${model}: `);
      expect(mock.getRequests().length - before).toBe(1);
    });

    test("a refusal says what the provider said, its status and the request's id", async () => {
      const { message } = await failure(attempt(models, asking(model, "wrong request")));
      expect(message).toMatch(/: HTTP 400: said wrong request \(request req-\S+\)$/);
    });
  });
});

describe("against a server of our own", () => {
  const started: MockProvider[] = [];
  afterEach(async () => {
    for (const server of started.splice(0)) await server.stop();
  });
  const serve = async (answer: MockedAnswer | ((index: number) => MockedAnswer)) => {
    const server = await startMockProvider((_, index) => (typeof answer === "function" ? answer(index) : answer));
    started.push(server);
    return server;
  };
  const whole = {
    openai: openaiAnswer,
    anthropic: anthropicAnswer,
    google: googleAnswer,
    "openai-compatible": chatAnswer,
  };

  describe.each(MODELS)("$name", ({ name, model }) => {
    const pieces = whole[name]("half an answer");

    test("a connection that is refused has billed nothing", async () => {
      const models = modelsAt(`http://127.0.0.1:${await freePort()}`);
      const failed = await failure(attempt(models, asking(model, "hi")));
      expect(failed).toMatchObject({ kind: "retry", billed: "none", status: undefined });
      expect(failed.message).toMatch(/the connection failed \(ECONNREFUSED\)/);
    });

    test("a stream is an answer only when its last event has come", async () => {
      const last = name === "google" || name === "openai" ? pieces.length - 1 : pieces.length - 2;
      for (let kept = 0; kept <= last; kept += 1) {
        for (const ending of ["end", "cut"] as const) {
          const server = await serve({ pieces: pieces.slice(0, kept), ending });
          const failed = await failure(attempt(modelsAt(server.url), asking(model, "hi")));
          expect(failed).toMatchObject({ kind: "retry", billed: "unknown" });
        }
      }
      const server = await serve({ pieces });
      expect((await attempt(modelsAt(server.url), asking(model, "hi"))).text).toBe("half an answer");
    });

    test("an answer that was lost is told with the request's id, which the provider's list has too", async () => {
      const headers = { "x-request-id": "req-of-the-list" };
      const server = await serve({ pieces: pieces.slice(0, 2), ending: "cut", headers });
      const failed = await failure(attempt(modelsAt(server.url), asking(model, "hi")));
      expect(failed).toMatchObject({ billed: "unknown", requestId: "req-of-the-list" });
    });

    test.each([
      ["before the head", { silent: true }],
      ["before the first event", { pieces: [], ending: "stall" }],
      ["in the middle", { pieces: pieces.slice(0, 3), ending: "stall" }],
    ] as const)("an abort during a stall %s closes the connection, and the bill is not known", async (_, answer) => {
      const server = await serve(answer);
      const stop = new AbortController();
      const call = failure(attempt(modelsAt(server.url), asking(model, "hi"), stop.signal));
      await eventually(() => expect(server.requests).toHaveLength(1));
      stop.abort();
      expect(await call).toMatchObject({ kind: "cancelled", billed: "unknown" });
      await server.requests[0]?.closed;
    });

    test.each([
      ["a head", { silent: true }],
      ["an event", { pieces: pieces.slice(0, 3), ending: "stall" }],
    ] as const)("a connection on which %s does not come for too long has failed", async (_, answer) => {
      const server = await serve(answer);
      const failed = await failure(attempt(modelsAt(server.url, { silenceMs: 300 }), asking(model, "hi")));
      expect(failed).toMatchObject({ kind: "retry", billed: "unknown" });
      await server.requests[0]?.closed;
    });

    test("a corrupt event ends the call and closes the connection, though more would come", async () => {
      const server = await serve({
        pieces: [...pieces.slice(0, 2), 'data: {"half":\n\n', ...pieces.slice(2)],
        ending: "stall",
      });
      expect(await failure(attempt(modelsAt(server.url), asking(model, "hi")))).toMatchObject({
        kind: "retry",
        billed: "unknown",
      });
      await server.requests[0]?.closed;
    });

    test("a redirect is not followed: it could carry the key elsewhere", async () => {
      const elsewhere = await serve({ pieces });
      const server = await serve({ status: 307, headers: { location: `${elsewhere.url}/v1/there` } });
      const failed = await failure(attempt(modelsAt(server.url), asking(model, "hi")));
      expect(failed).toMatchObject({ kind: "never", billed: "none", status: 307 });
      expect(failed.message).toContain(`a redirect to ${elsewhere.url}/v1/there, not followed`);
      expect(elsewhere.requests).toHaveLength(0);
    });

    test("no message carries the key, nor the half that is left where a long message is cut", async () => {
      const keyOf = ({ authorization, ...headers }: IncomingHttpHeaders) =>
        String(authorization?.replace("Bearer ", "") ?? headers["x-api-key"] ?? headers["x-goog-api-key"]);
      for (const space of [" ", "  ", "   "]) {
        const server = await startMockProvider(({ headers }) => {
          const message = `wrong key ${`${keyOf(headers)}${space}`.repeat(200)}`;
          return { status: 401, pieces: [JSON.stringify({ error: { message, type: "auth", code: 401 } })] };
        });
        started.push(server);
        const failed = await failure(attempt(modelsAt(server.url), asking(model, "hi")));
        expect(keyOf(server.requests[0]?.headers ?? {})).toMatch(/^sk-.*-test$/);
        expect(failed.message).toContain("wrong key [key] [key]");
        expect(failed.message).not.toContain("sk-");
      }
    });

    test("a gateway that gave up may have left the model at work", async () => {
      const server = await serve({ status: 504, pieces: ["<html>gateway time-out</html>"] });
      expect(await failure(attempt(modelsAt(server.url), asking(model, "hi")))).toMatchObject({
        kind: "retry",
        billed: "unknown",
        status: 504,
      });
    });
  });

  test.each([
    [
      "openai",
      'event: error\ndata: {"type":"error","sequence_number":9,"error":{"type":"server_error","code":"rate_limit_exceeded","message":"later"}}\n\n',
      "retry",
    ],
    [
      "openai",
      'data: {"type":"error","sequence_number":9,"error":{"type":"invalid_request_error","code":"context_length_exceeded","message":"too long"}}\n\n',
      "context",
    ],
    [
      "anthropic",
      'event: error\ndata: {"type":"error","sequence_number":9,"error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
      "retry",
    ],
    [
      "anthropic",
      'event: error\ndata: {"type":"error","sequence_number":9,"error":{"type":"authentication_error","message":"no"}}\n\n',
      "never",
    ],
    ["google", 'data: {"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}\n\n', "retry"],
    ["openai-compatible", 'data: {"error":{"message":"upstream died","code":502}}\n\n', "retry"],
  ] as const)(
    "%s: an error in the stream is a failure whose bill is not known (case %#)",
    async (name, event, kind) => {
      const { model } = MODELS.find((one) => one.name === name)!;
      for (const before of [[], whole[name]("half").slice(0, 3)]) {
        const server = await serve({ pieces: [...before, event], ending: "stall" });
        expect(await failure(attempt(modelsAt(server.url), asking(model, "hi")))).toMatchObject({
          kind,
          billed: "unknown",
        });
        // What nobody reads any more is not generated on, at our expense.
        await server.requests[0]?.closed;
      }
    },
  );

  test("a finish reason that means that the server broke off is no answer", async () => {
    for (const finishReason of ["error", "insufficient_system_resource", null]) {
      const server = await serve({ pieces: chatAnswer("half", { finishReason }) });
      const failed = await failure(attempt(modelsAt(server.url), asking("openai-compatible/any", "hi")));
      expect(failed).toMatchObject({ kind: "retry", billed: "unknown" });
    }
  });

  test("a whole answer that is none, as Gemini's tool call that is not JSON, is billed as it was counted", async () => {
    const server = await serve({ pieces: googleAnswer("", "MALFORMED_FUNCTION_CALL") });
    const failed = await failure(attempt(modelsAt(server.url), asking("google/gemini-2.5-flash", "hi")));
    expect(failed).toMatchObject({ kind: "retry", billed: "known", usage: { inputTokens: 3_000, outputTokens: 500 } });
    expect(failed.message).toContain("the model failed to answer (MALFORMED_FUNCTION_CALL)");
  });

  test("Google's wish to be left alone is in its body", async () => {
    const error = { code: 429, message: "quota", status: "RESOURCE_EXHAUSTED", details: [{ retryDelay: "34.5s" }] };
    const server = await serve({ status: 429, pieces: [JSON.stringify({ error })] });
    const failed = await failure(attempt(modelsAt(server.url), asking("google/gemini-2.5-flash", "hi")));
    expect(failed).toMatchObject({ kind: "retry", billed: "none", retryAfterMs: 34_500 });
  });

  test("one attempt is one request, whatever the provider library would like", async () => {
    const more = {
      finishReason: "CONTINUATION",
      continuationToken: "more",
      content: { role: "model", parts: [{ text: "a" }] },
    };
    const server = await serve({ pieces: [`data: ${JSON.stringify({ candidates: [more] })}\n\n`] });
    const failed = await failure(attempt(modelsAt(server.url), asking("google/gemini-2.5-flash", "hi")));
    expect(failed).toMatchObject({ billed: "unknown" });
    expect(server.requests).toHaveLength(1);
  });

  test("a call that was aborted before it began sends nothing", async () => {
    const server = await serve({ pieces: [] });
    const failed = await failure(attempt(modelsAt(server.url), asking("openai/gpt-5", "hi"), AbortSignal.abort()));
    expect(failed).toMatchObject({ kind: "cancelled", billed: "none" });
    expect(server.requests).toHaveLength(0);
  });
});
