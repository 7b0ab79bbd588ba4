import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { createModels } from "../../../adapters/models/model-registry.js";
import { createRecorder, recordingName } from "../../../adapters/models/recorder.js";
import { type ModelAnswer, ModelCallFailed, type ModelRequest, type Models } from "../../../ports/models.js";
import { asking, attempt, environmentAt, failure } from "./asking.js";
import { startMockProvider } from "./mock-provider.js";
import { anthropicAnswer } from "./native-answers.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "wflo-record-"));
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

const USAGE = { inputTokens: 100, outputTokens: 20, cachedInputTokens: 10, cacheWriteTokens: 5, reasoningTokens: 8 };
const NOW = new Date("2026-11-25T00:00:00Z");
const MODEL = "openai/gpt-4o-mini";
const RUN = "run-7/first-7";

/** Models that say what the test's list says, one after the other. */
function saying(...outcomes: readonly (Partial<ModelAnswer> | ModelCallFailed)[]): Models {
  const left = [...outcomes];
  return {
    facts: async (model) => ({ bookedAs: model, reasoning: false, inputBound: { factor: 1, hidden: 64 } }),
    knownBound: async () => undefined,
    call: async () => {
      const next = left.shift();
      if (next === undefined || next instanceof ModelCallFailed) throw next ?? new Error("nothing left to say");
      const toolCalls = next.toolCalls ?? [];
      return { text: "", toolCalls, finishReason: toolCalls.length > 0 ? "tool-calls" : "stop", ...next };
    },
  };
}

const ask = (turn: number, attemptAt = 1, more: Partial<ModelRequest> = {}) =>
  asking(MODEL, "a secret question", { turn, attempt: attemptAt, conversation: RUN, ...more });
const failed = (facts: ConstructorParameters<typeof ModelCallFailed>[1], message = "it failed") =>
  new ModelCallFailed(message, facts);

/** Records what the models say to some requests, and opens the recording as a script. */
async function recorded(models: Models, requests: readonly ModelRequest[]) {
  const recorder = createRecorder({ models, folder });
  const outcomes = [];
  for (const request of requests) {
    outcomes.push(await attempt(recorder, request).catch((error: unknown) => error as ModelCallFailed));
  }
  const played = createModels({ environment: {}, scriptsDir: folder, allowScriptPaths: false }).models;
  return { outcomes, played, name: `scripted/${recordingName(RUN)}` };
}

describe("a run that was recorded", () => {
  test("plays again: texts, tool calls, usage, and the prices of its model", async () => {
    const look = { id: "c1", name: "look", args: { at: "x", deep: [1, { two: null }] } };
    const { played, name, outcomes } = await recorded(
      saying({ text: "Let me look.", toolCalls: [look], usage: USAGE }, { text: "It is x.", usage: USAGE }),
      [ask(1), ask(2)],
    );
    const again = [
      await attempt(played, asking(name, "", { turn: 1 })),
      await attempt(played, asking(name, "", { turn: 2 })),
    ];
    const told = (answer: unknown) => {
      const { text, usage, finishReason, toolCalls } = answer as ModelAnswer;
      return { text, usage, finishReason, toolCalls: toolCalls.map(({ name: tool, args }) => ({ tool, args })) };
    };
    expect(again.map(told)).toEqual(outcomes.map(told));
    const facts = await played.facts(name, NOW);
    expect(facts.bookedAs).toBe(MODEL);
    expect(facts.price?.rates.input).toBe(150_000);
    expect(await played.knownBound(name, 1)).toEqual({ inputTokens: 100, outputTokens: 20 });
  });

  test("plays an end that was no stop", async () => {
    const { played, name } = await recorded(saying({ text: "and so", finishReason: "length", usage: USAGE }), [ask(1)]);
    expect(await attempt(played, asking(name, ""))).toMatchObject({ text: "and so", finishReason: "length" });
  });

  test("keeps what a model wrote instead of arguments, and plays the call with none", async () => {
    const calls = [{ id: "c1", name: "look", raw: '{"at":' }];
    const { played, name } = await recorded(saying({ toolCalls: calls, usage: USAGE }), [ask(1)]);
    expect((await attempt(played, asking(name, ""))).toolCalls).toMatchObject([{ name: "look", args: {} }]);
    expect(await readFile(join(folder, `${recordingName(RUN)}.json`), "utf8")).toContain('"raw": "{\\"at\\":"');
  });

  test.each([
    { kind: "retry", billed: "none", status: 429, retryAfterMs: 70 },
    { kind: "retry", billed: "none", status: 500 },
    { kind: "retry", billed: "none" },
    { kind: "retry", billed: "unknown", status: 200 },
    { kind: "retry", billed: "unknown" },
    { kind: "retry", billed: "unknown", status: 504 },
    { kind: "retry", billed: "known", usage: USAGE },
    { kind: "never", billed: "none", status: 401 },
    { kind: "never", billed: "none", status: 429 },
    { kind: "context", billed: "none", status: 400 },
    { kind: "unknown-model", billed: "none", status: 404 },
  ] as const)("fails again as it did: %j, then goes on", async (facts) => {
    const { played, name } = await recorded(saying(failed(facts), { text: "fine" }), [ask(1), ask(1, 2)]);
    const again = await failure(attempt(played, asking(name, "")));
    const { status: _status, ...rest } = facts as typeof facts & { status?: number };
    expect(again).toMatchObject({ ...rest, message: "it failed" });
    expect(await attempt(played, asking(name, "", { attempt: 2 }))).toMatchObject({ text: "fine" });
  });

  test("has no turn for what we ended ourselves", async () => {
    const { name, played } = await recorded(saying(failed({ kind: "cancelled", billed: "unknown" })), [ask(1)]);
    expect(await readdir(folder)).toEqual([]);
    await failure(played.facts(name, NOW));
  });

  test("has one answer a turn, that of the last attempt, in the order of turns", async () => {
    const { played, name } = await recorded(
      saying(
        { text: "two" },
        { text: "one, lost" },
        { text: "one" },
        { text: "one, late" },
        failed({ kind: "retry", billed: "none", status: 500 }),
        failed({ kind: "retry", billed: "none", status: 503 }),
      ),
      [ask(2, 1), ask(1, 1), ask(1, 3), ask(1, 2), ask(2, 1), ask(2, 1)],
    );
    expect(await attempt(played, asking(name, "", { turn: 1 }))).toMatchObject({ text: "one" });
    expect(await failure(attempt(played, asking(name, "", { turn: 2 })))).toMatchObject({ status: 503 });
    expect(await attempt(played, asking(name, "", { turn: 2, attempt: 2 }))).toMatchObject({ text: "two" });
  });

  test("goes on in another process, and runs side by side keep apart", async () => {
    await Promise.all(
      Array.from({ length: 5 }, async (_, run) => {
        const conversation = `run-${run}/first`;
        for (const turn of [1, 2, 3]) {
          // A new recorder each time: nothing but the file connects them.
          const recorder = createRecorder({ models: saying({ text: `${run}.${turn}` }), folder });
          await attempt(recorder, ask(turn, 1, { conversation }));
        }
      }),
    );
    expect(await readdir(folder)).toHaveLength(5);
    const { models } = createModels({ environment: {}, scriptsDir: folder, allowScriptPaths: false });
    for (const run of [0, 4]) {
      for (const turn of [1, 2, 3]) {
        const model = `scripted/${recordingName(`run-${run}/first`)}`;
        expect((await attempt(models, asking(model, "", { turn }))).text).toBe(`${run}.${turn}`);
      }
    }
  });

  test("plays at the prices of its first model where it changed to another", async () => {
    const { played, name } = await recorded(saying({ text: "a" }, { text: "b" }), [
      ask(1),
      ask(2, 1, { model: "anthropic/claude-haiku-4-5" }),
    ]);
    expect((await played.facts(name, NOW)).bookedAs).toBe(MODEL);
  });
});

test("a real provider is recorded over HTTP without key, header or question in the file", async () => {
  const server = await startMockProvider((_, index) =>
    index === 0
      ? { status: 401, pieces: ['{"error":{"message":"sk-ant-test is not a key"}}'], headers: { "x-secret": "header" } }
      : { pieces: anthropicAnswer("the answer"), headers: { "x-secret": "header" } },
  );
  try {
    const { models } = createModels({
      environment: environmentAt(server.url),
      scriptsDir: folder,
      allowScriptPaths: false,
      recordFolder: join(folder, "made", "here"),
    });
    const request = asking("anthropic/claude-haiku-4-5", "a secret question", { conversation: RUN });
    await failure(attempt(models, request));
    await attempt(models, { ...request, attempt: 2 });
    const text = await readFile(join(folder, "made", "here", `${recordingName(RUN)}.json`), "utf8");
    for (const secret of ["sk-ant-test", "x-secret", "header", "secret question", "x-api-key"])
      expect(text).not.toContain(secret);
    expect(JSON.parse(text)).toMatchObject({
      model: "anthropic/claude-haiku-4-5",
      turns: [
        { error: { status: 401, message: expect.stringContaining("[key] is not a key") } },
        { text: "the answer", toolCalls: [{ name: "look", args: { at: "x" } }], usage: { cachedInputTokens: 1_500 } },
      ],
    });
  } finally {
    await server.stop();
  }
});

test("an answer is not lost where it cannot be recorded, and somebody is told", async () => {
  const problems: string[] = [];
  const file = join(folder, "a-file");
  await writeFile(file, "");
  const recorder = createRecorder({
    models: saying({ text: "kept" }, { text: "kept too" }),
    folder: file,
    onProblem: (problem) => void problems.push(problem),
  });
  expect((await attempt(recorder, ask(1))).text).toBe("kept");
  expect(problems).toEqual([expect.stringMatching(/a-file.*run-7-first-7\.json was not recorded: /)]);
});

test("a recording that was broken by hand is left alone", async () => {
  const problems: string[] = [];
  const file = join(folder, `${recordingName(RUN)}.json`);
  await writeFile(file, "mine {");
  const recorder = createRecorder({
    models: saying({ text: "x" }),
    folder,
    onProblem: (problem) => void problems.push(problem),
  });
  await attempt(recorder, ask(1));
  expect(problems).toHaveLength(1);
  expect(await readFile(file, "utf8")).toBe("mine {");
  expect(await readdir(folder)).toHaveLength(1);
});

test.each([
  ["run-1/first-1", /^run-1-first-1$/],
  ["trigger:orders:42/abc", /^trigger-orders-42-abc-[0-9a-f]{12}$/],
  ["../../etc/passwd", /^-[\w.-]*-[0-9a-f]{12}$/],
  ["é".repeat(500), /^-{120}-[0-9a-f]{12}$/],
])("the conversation %j is recorded under a name that a script may have", (conversation, name) => {
  expect(recordingName(conversation)).toMatch(name);
  expect(recordingName(conversation)).not.toBe(recordingName(`${conversation}x`));
});
