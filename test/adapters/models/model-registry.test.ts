import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test } from "@jest/globals";
import { createModels } from "../../../adapters/models/model-registry.js";
import type { Models } from "../../../ports/models.js";
import { asking, attempt, environmentAt, failure, MODELS } from "./asking.js";
import { startMockProvider } from "./mock-provider.js";
import { chatAnswer } from "./native-answers.js";

let scriptsDir: string;
beforeAll(async () => {
  scriptsDir = await mkdtemp(join(tmpdir(), "wflo-scripts-"));
  await writeFile(join(scriptsDir, "hello.json"), JSON.stringify({ turns: [{ text: "hello" }] }));
});

const NOW = new Date("2026-11-25T00:00:00Z");
const modelsWith = (environment: Record<string, string>) =>
  createModels({ environment, scriptsDir, allowScriptPaths: true }).models;
const everyDoor = async (models: Models, model: string) => [
  await failure(models.facts(model, NOW)),
  await failure(models.knownBound(model, 1)),
  await failure(models.call(asking(model, "hi"), { signal: new AbortController().signal })),
];

test.each(["gpt-5", "", "/", "mistral/large", "OpenAI/gpt-5", "openai/", "scripted/", "constructor/x"])(
  "%j is no model, and the message lists the providers",
  async (model) => {
    for (const failed of await everyDoor(modelsWith({}), model)) {
      expect(failed).toMatchObject({ kind: "unknown-model", billed: "none" });
      expect(failed.message).toBe(
        `there is no model ${JSON.stringify(model)}; write it as provider/model, with one of the providers ` +
          "anthropic, google, openai, openai-compatible, scripted",
      );
    }
  },
);

test.each([
  ["openai/gpt-5", "OPENAI_API_KEY"],
  ["anthropic/claude-haiku-4-5", "ANTHROPIC_API_KEY"],
  ["google/gemini-2.5-flash", "GOOGLE_GENERATIVE_AI_API_KEY"],
  ["openai-compatible/llama", "OPENAI_COMPATIBLE_BASE_URL"],
])("%s without %s is refused before anything is sent, and the message names the variable", async (model, variable) => {
  for (const value of [undefined, "", "  "]) {
    const environment = { ...environmentAt("http://127.0.0.1:1"), [variable]: value } as Record<string, string>;
    const models = modelsWith(environment);
    for (const failed of [
      await failure(models.facts(model, NOW)),
      await failure(attempt(models, asking(model, "hi"))),
    ]) {
      expect(failed).toMatchObject({ kind: "unknown-model", billed: "none", status: undefined });
      expect(failed.message).toContain(`the model "${model}" cannot be called: ${variable} is not set; set it to`);
      expect(failed.message).toContain("where the worker runs");
    }
  }
});

test.each([
  ["openai/gpt-5", "OPENAI_BASE_URL", "api.openai.com"],
  ["anthropic/claude-haiku-4-5", "ANTHROPIC_BASE_URL", "ftp://example.org"],
  ["google/gemini-2.5-flash", "GOOGLE_GENERATIVE_AI_BASE_URL", "nonsense"],
  ["openai-compatible/llama", "OPENAI_COMPATIBLE_BASE_URL", "localhost:11434/v1"],
])("%s with a wrong %s is refused with what is accepted", async (model, variable, value) => {
  const models = modelsWith({ ...environmentAt("http://127.0.0.1:1"), [variable]: value });
  const failed = await failure(models.facts(model, NOW));
  expect(failed.message).toContain(`${variable} is "${value}"; it must be an address like https://host/v1`);
});

test.each(["OPENAI_API_KEY", "OPENAI_COMPATIBLE_API_KEY"])(
  "a key that is no key is refused by its name, and not shown",
  async (variable) => {
    const models = modelsWith({ ...environmentAt("http://127.0.0.1:1"), [variable]: "sk-one\nsk-two" });
    const failed = await failure(
      models.facts(variable.startsWith("OPENAI_C") ? "openai-compatible/x" : "openai/gpt-5", NOW),
    );
    expect(failed.message).toContain(`${variable} has a character that no key has`);
    expect(failed.message).not.toContain("sk-one");
  },
);

test("keys and addresses come from the settings alone, not from the process", async () => {
  const server = await startMockProvider(() => ({ pieces: chatAnswer("hello") }));
  const before = process.env.OPENAI_API_KEY;
  process.env.OPENAI_API_KEY = "from-the-process";
  try {
    const failed = await failure(modelsWith({}).facts("openai/gpt-5", NOW));
    expect(failed.message).toContain("OPENAI_API_KEY is not set");
    await attempt(modelsWith(environmentAt(server.url)), asking("openai-compatible/any", "hi"));
    expect(server.requests[0]?.headers.authorization).toBe("Bearer sk-comp-test");
  } finally {
    if (before === undefined) delete process.env.OPENAI_API_KEY;
    else process.env.OPENAI_API_KEY = before;
    await server.stop();
  }
});

test("a server that needs no key gets none; OpenAI's organization and project are told where they are set", async () => {
  const server = await startMockProvider(() => ({ pieces: chatAnswer("hello") }));
  try {
    const environment = { ...environmentAt(server.url), OPENAI_ORG_ID: "org-1", OPENAI_PROJECT_ID: "proj-1" };
    await attempt(modelsWith({ ...environment, OPENAI_COMPATIBLE_API_KEY: "" }), asking("openai-compatible/any", "hi"));
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
    await failure(attempt(modelsWith(environment), asking("openai/gpt-5", "hi")));
    expect(server.requests[1]?.headers).toMatchObject({ "openai-organization": "org-1", "openai-project": "proj-1" });
  } finally {
    await server.stop();
  }
});

test("scripts need no key, and ids of models may have slashes", async () => {
  const models = modelsWith({});
  expect(await attempt(models, asking("scripted/hello", "hi"))).toMatchObject({ text: "hello" });
  expect(await models.facts("scripted/hello", NOW)).toMatchObject({ bookedAs: "scripted/hello" });
  const server = await startMockProvider(() => ({ pieces: chatAnswer("hello") }));
  try {
    await attempt(modelsWith(environmentAt(server.url)), asking("openai-compatible/meta/llama-4", "hi"));
    expect(JSON.parse(server.requests[0]?.body ?? "")).toMatchObject({ model: "meta/llama-4" });
  } finally {
    await server.stop();
  }
});

test.each(MODELS)("what is known of $model: price, limits, bound", async ({ name, model }) => {
  const models = modelsWith(environmentAt("http://127.0.0.1:1"));
  const facts = await models.facts(model, NOW);
  expect(facts).toMatchObject({
    bookedAs: model,
    reasoning: name === "google",
    inputBound: name === "anthropic" ? { factor: 1.1, hidden: 1_100 } : { factor: 1, hidden: 64 },
  });
  if (name === "openai-compatible") expect(facts).not.toHaveProperty("price");
  else expect(facts.price?.rates.input).toBeGreaterThan(0);
  expect(await models.knownBound(model, 1)).toBeUndefined();
});

test("a price that the user gives is laid over, and names itself in the book", async () => {
  const price = { rates: { input: 1_500_000, output: 6_000_000 } } as never;
  const overrides = new Map([["openai-compatible/any", { price }]]);
  const environment = environmentAt("http://127.0.0.1:1");
  const plain = createModels({ environment, scriptsDir, allowScriptPaths: false });
  const priced = createModels({ environment, scriptsDir, allowScriptPaths: false, prices: { overrides } });
  expect(await priced.models.facts("openai-compatible/any", NOW)).toMatchObject({
    price: { rates: { input: 1_500_000 } },
  });
  expect(priced.prices.book).toMatch(/^genai-prices@0\.1\.8\+sha256:[0-9a-f]{12}$/);
  expect(priced.prices.book).not.toBe(plain.prices.book);
});
