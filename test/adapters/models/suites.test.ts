import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "@jest/globals";
import { createRegistry } from "../../../adapters/models/model-registry.js";
import { createPriceTable } from "../../../adapters/models/price-table.js";
import { createRecorder } from "../../../adapters/models/recorder.js";
import { createScriptFiles } from "../../../adapters/models/script-file.js";
import { createScriptedModels } from "../../../adapters/models/scripted.js";
import type { Models } from "../../../ports/models.js";
import { type ModelsUnderTest, modelsSuite } from "../../ports/models.suite.js";
import { modelsAt } from "./asking.js";
import { events, type MockedAnswer, startMockProvider } from "./mock-provider.js";
import { chatAnswer } from "./native-answers.js";

/* Every implementation of ports/models.ts keeps its promises. */

const USAGE = { prompt_tokens: 30, completion_tokens: 5 };
const TOOL_CALL = { index: 0, id: "c1", type: "function", function: { name: "look", arguments: '{"at":"x"}' } };
const CHUNK = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "any" };

/** What the mock server answers, by the model's id. */
const ANSWERS: Readonly<Record<string, MockedAnswer>> = {
  answering: { pieces: chatAnswer("hello there", { usage: USAGE }) },
  asking: {
    pieces: events([
      { ...CHUNK, choices: [{ index: 0, delta: { role: "assistant", tool_calls: [TOOL_CALL] } }] },
      { ...CHUNK, choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] },
    ]),
  },
  limited: { status: 429, headers: { "retry-after": "7" }, pieces: ['{"error":{"message":"later"}}'] },
  stalling: { pieces: chatAnswer("hello").slice(0, 1), ending: "stall" },
  cut: { pieces: chatAnswer("hello").slice(0, 1), ending: "cut" },
};

async function openProviders(wrap: (models: Models) => Models = (models) => models): Promise<ModelsUnderTest> {
  const server = await startMockProvider(({ body }) => {
    const { model } = JSON.parse(body) as { model: string };
    return ANSWERS[model] ?? { status: 404 };
  });
  const models = wrap(modelsAt(server.url));
  const named = (id: string) => `openai-compatible/${id}`;
  return {
    models: createRegistry(new Map([["openai-compatible", models]])),
    answering: named("answering"),
    asking: named("asking"),
    limited: named("limited"),
    stalling: named("stalling"),
    cut: named("cut"),
    unknown: "nobody/nothing",
    attempts: () => server.requests.length,
    stop: async () => await server.stop(),
  };
}

const usage = { inputTokens: 30, outputTokens: 5 };
const SCRIPTS: Readonly<Record<string, object>> = {
  answering: { text: "hello there", usage },
  asking: { toolCalls: [{ name: "look", args: { at: "x" } }] },
  limited: { error: { status: 429, retryAfterMs: 7_000 } },
  stalling: { text: "hello", delayMs: 3_600_000 },
  cut: { error: { status: 200 } },
};

async function openScripts(): Promise<ModelsUnderTest> {
  const scriptsDir = await mkdtemp(join(tmpdir(), "wflo-suite-"));
  for (const [name, turn] of Object.entries(SCRIPTS)) {
    await writeFile(join(scriptsDir, `${name}.json`), JSON.stringify({ turns: [turn] }));
  }
  return {
    models: createScriptedModels({
      files: createScriptFiles({ scriptsDir, allowPaths: false }),
      prices: createPriceTable(),
    }),
    answering: "scripted/answering",
    asking: "scripted/asking",
    limited: "scripted/limited",
    stalling: "scripted/stalling",
    cut: "scripted/cut",
    unknown: "scripted/nothing",
    stop: async () => await rm(scriptsDir, { recursive: true, force: true }),
  };
}

describe("real providers", () => modelsSuite({ open: async () => await openProviders() }));

describe("scripts", () => modelsSuite({ open: openScripts }));

describe("real providers that are recorded", () =>
  modelsSuite({
    open: async () => {
      const folder = await mkdtemp(join(tmpdir(), "wflo-recorded-"));
      const under = await openProviders((models) => createRecorder({ models, folder }));
      const stop = async () => {
        await under.stop();
        await rm(folder, { recursive: true, force: true });
      };
      return { ...under, stop };
    },
  }));
