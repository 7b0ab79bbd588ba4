import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createPriceTable } from "../../../adapters/models/price-table.js";
import { createScriptFiles } from "../../../adapters/models/script-file.js";
import { createScriptedModels } from "../../../adapters/models/scripted.js";
import { firstBound, jsonBytes } from "../../../core/input-bound.js";
import { costNanoUsd } from "../../../core/pricing.js";
import type { Models } from "../../../ports/models.js";
import { asking, attempt, failure } from "./asking.js";

const NOW = new Date("2026-11-25T00:00:00Z");

let scriptsDir: string;
let models: Models;
beforeAll(async () => {
  scriptsDir = await mkdtemp(join(tmpdir(), "wflo-scripted-"));
  models = modelsOf(true);
});
afterAll(async () => await rm(scriptsDir, { recursive: true, force: true }));

const modelsOf = (allowPaths: boolean) =>
  createScriptedModels({ files: createScriptFiles({ scriptsDir, allowPaths }), prices: createPriceTable() });

/** A script's model name, once its file is there. */
async function script(document: unknown, name = `script-${randomUUID()}`): Promise<string> {
  await mkdir(join(scriptsDir, name, ".."), { recursive: true });
  await writeFile(join(scriptsDir, `${name}.json`), typeof document === "string" ? document : JSON.stringify(document));
  return `scripted/${name}`;
}

const USAGE = { inputTokens: 50, outputTokens: 20, cachedInputTokens: 10, cacheWriteTokens: 5, reasoningTokens: 8 };

describe("an answer", () => {
  test("is the turn's text, tool calls and usage", async () => {
    const toolCalls = [
      { name: "look", args: { at: "x" } },
      { name: "look", args: {} },
    ];
    const model = await script({ turns: [{ text: "hi", toolCalls, usage: USAGE }] });
    const answer = await attempt(models, asking(model, "go", { turn: 3 }));
    expect(answer).toMatchObject({ text: "hi", usage: USAGE, finishReason: "tool-calls" });
    expect(answer.toolCalls).toEqual([
      { id: "call_3_1", name: "look", args: { at: "x" } },
      { id: "call_3_2", name: "look", args: {} },
    ]);
    expect(answer.deltas.join("")).toBe("hi");
  });

  test("without usage counts its texts, below the bound that a reservation makes of them", async () => {
    const model = await script({ turns: [{ text: "é".repeat(400) }] });
    const request = asking(model, "go on ".repeat(300));
    const { usage } = await attempt(models, request);
    expect(usage).toMatchObject({ outputTokens: 200, cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 });
    expect(usage?.inputTokens).toBeGreaterThan(450);
    const { inputBound } = await models.facts(model, NOW);
    const { instructions, tools, messages } = request;
    expect(usage?.inputTokens).toBeLessThan(
      firstBound(inputBound, jsonBytes({ instructions, tools }) + jsonBytes(messages)),
    );
    expect(await models.knownBound(model, 1)).toBeUndefined();
  });

  test("takes its time, in pieces", async () => {
    const model = await script({ turns: [{ text: "one two three four five", delayMs: 50 }] });
    const { deltas, text } = await attempt(models, asking(model, "go"));
    expect(deltas).toHaveLength(5);
    expect(deltas.join("")).toBe(text);
  });

  test("ends for the reason that a recording has", async () => {
    const model = await script({ turns: [{ text: "I will not", finishReason: "content-filter", usage: USAGE }] });
    expect(await attempt(models, asking(model, "go"))).toMatchObject({ finishReason: "content-filter" });
  });
});

describe("a cap", () => {
  test.each([
    [20, "0123456789", 20, "stop"],
    [21, "0123456789", 20, "stop"],
    [10, "01234", 10, "length"],
    [1, "", 1, "length"],
  ])("of %d leaves %j of ten letters at 20 tokens", async (maxOutputTokens, text, outputTokens, finishReason) => {
    const model = await script({ turns: [{ text: "0123456789", usage: USAGE }] });
    const answer = await attempt(models, asking(model, "go", { maxOutputTokens }));
    const reasoningTokens = Math.min(8, outputTokens);
    expect(answer).toMatchObject({ text, finishReason, usage: { ...USAGE, outputTokens, reasoningTokens } });
    expect(answer.deltas.join("")).toBe(text);
  });

  test("keeps whole characters and whole tool calls only", async () => {
    const turn = { text: "éééé", toolCalls: [{ name: "look", args: { at: "x".repeat(100) } }], usage: USAGE };
    const model = await script({ turns: [turn] });
    const answer = await attempt(models, asking(model, "go", { maxOutputTokens: 1 }));
    expect(answer).toMatchObject({ toolCalls: [], finishReason: "length", usage: { outputTokens: 1 } });
    expect("éééé".startsWith(answer.text)).toBe(true);
    expect(answer.text).not.toContain("\ufffd");
  });

  test("cuts an answer without usage by its bytes", async () => {
    const model = await script({ turns: [{ text: "x".repeat(400) }] });
    const answer = await attempt(models, asking(model, "go", { maxOutputTokens: 50 }));
    expect(answer).toMatchObject({ finishReason: "length", usage: { outputTokens: 50 } });
    expect(answer.text).toHaveLength(200);
  });
});

describe("an error", () => {
  test.each([
    [
      { status: 429, retryAfterMs: 70 },
      { kind: "retry", billed: "none", status: 429, retryAfterMs: 70 },
    ],
    [{ status: 500 }, { kind: "retry", billed: "none", status: 500 }],
    [{ status: 200 }, { kind: "retry", billed: "unknown", status: 200, message: "the stream was cut" }],
    [{ status: 504 }, { kind: "retry", billed: "unknown" }],
    [{ status: 400 }, { kind: "never", billed: "none", message: "the scripted provider answered 400" }],
    [
      { status: 400, message: "prompt is too long" },
      { kind: "context", billed: "none", message: "prompt is too long" },
    ],
    [{ status: 404 }, { kind: "unknown-model", billed: "none" }],
  ])("%j fails as a provider does, once", async (error, facts) => {
    const model = await script({ turns: [{ error }, { text: "fine" }] });
    expect(await failure(attempt(models, asking(model, "go")))).toMatchObject(facts);
    expect(await attempt(models, asking(model, "go", { attempt: 2 }))).toMatchObject({ text: "fine" });
  });

  test("with usage has billed it", async () => {
    const model = await script({ turns: [{ error: { status: 200 }, usage: USAGE }] });
    expect(await failure(attempt(models, asking(model, "go")))).toMatchObject({ billed: "known", usage: USAGE });
  });

  test("may come late", async () => {
    const model = await script({ turns: [{ error: { status: 500 }, delayMs: 3_600_000 }] });
    const stop = new AbortController();
    const failed = failure(attempt(models, asking(model, "go"), stop.signal));
    stop.abort();
    expect(await failed).toMatchObject({ kind: "cancelled" });
  });

  test("is what a script without a fitting turn gives", async () => {
    const model = await script({ turns: [{ text: "A", when: { lastMessageIncludes: "x" } }] });
    const failed = await failure(attempt(models, asking(model, "go")));
    expect(failed).toMatchObject({ kind: "never", billed: "none" });
    expect(failed.message).toMatch(/every turn of the script has a `when`, and none fits/);
  });
});

describe("the bound before a call", () => {
  const turn = (inputTokens: number, outputTokens: number, more: object = {}) => ({
    text: "x",
    usage: { inputTokens, outputTokens },
    ...more,
  });
  test.each([
    [[turn(10, 5), turn(30, 2)], 1, { inputTokens: 10, outputTokens: 5 }],
    [[turn(10, 5), turn(30, 2)], 2, { inputTokens: 30, outputTokens: 2 }],
    [[turn(10, 5), turn(30, 2)], 9, { inputTokens: 30, outputTokens: 2 }],
    [[turn(10, 5), { text: "x" }], 1, { inputTokens: 10, outputTokens: 5 }],
    [[turn(10, 5), { text: "x" }], 2, undefined],
    [[{ error: { status: 429 } }, turn(10, 5)], 1, { inputTokens: 10, outputTokens: 5 }],
    [
      [{ error: { status: 200 }, usage: { inputTokens: 90, outputTokens: 1 } }, turn(10, 5)],
      1,
      { inputTokens: 90, outputTokens: 5 },
    ],
    [[turn(10, 5, { when: { lastMessageIncludes: "x" } }), turn(3, 9)], 1, { inputTokens: 10, outputTokens: 9 }],
    [[{ text: "x", when: { lastMessageIncludes: "x" } }, turn(3, 9)], 1, undefined],
  ])("is the most that a turn which can play has used (case %#)", async (turns, call, bound) => {
    expect(await models.knownBound(await script({ turns }), call)).toEqual(bound);
  });
});

describe("what a script costs", () => {
  test("is nothing without a model, and it is booked under its own name", async () => {
    for (const [name, bookedAs] of [
      ["plain", "scripted/plain"],
      ["sub/folder/plain", "scripted/sub/folder/plain"],
    ] as const) {
      const facts = await models.facts(await script({ turns: [{}] }, name), NOW);
      expect(facts).toMatchObject({ bookedAs, reasoning: false });
      expect(facts.price && costNanoUsd(facts.price, { ...USAGE }, NOW.getTime())).toBe(0);
    }
  });

  test("is what its model costs, and it is booked under that", async () => {
    const facts = await models.facts(await script({ model: "openai/gpt-4o-mini", turns: [{}] }), NOW);
    expect(facts.bookedAs).toBe("openai/gpt-4o-mini");
    expect(facts.price).toEqual(createPriceTable().price("openai/gpt-4o-mini", NOW));
  });

  test("is not known where its model has no price", async () => {
    const facts = await models.facts(await script({ model: "nobody/nothing", turns: [{}] }), NOW);
    expect(facts.bookedAs).toBe("nobody/nothing");
    expect(facts).not.toHaveProperty("price");
  });
});

describe("a script's file", () => {
  test("is NAME.json in the folder, or an absolute path, with or without .json", async () => {
    const model = await script({ turns: [{ text: "found" }] }, "findable");
    const path = join(scriptsDir, "findable");
    for (const name of [model, `${model}.json`, `scripted/${path}`, `scripted/${path}.json`]) {
      expect(await attempt(models, asking(name, "go"))).toMatchObject({ text: "found" });
      expect((await models.facts(name, NOW)).bookedAs).toBe("scripted/findable");
    }
  });

  test("is read again when it has changed", async () => {
    const model = await script({ turns: [{ text: "before" }] }, "changing");
    expect((await attempt(models, asking(model, "go"))).text).toBe("before");
    await script({ turns: [{ text: "and after" }] }, "changing");
    expect((await attempt(models, asking(model, "go"))).text).toBe("and after");
  });

  test.each([
    [
      "scripted/missing",
      /^there is no script .*missing\.json; scripted\/NAME plays NAME\.json from .* \(set WFLO_SCRIPTS/,
    ],
    ["scripted/../outside", /a script's name has letters, digits, "-", "_" and "\." only; or give its absolute path$/],
    ["scripted/.hidden", /a script's name has letters/],
    ["scripted/a b", /a script's name has letters/],
    ["scripted/a//b", /a script's name has letters/],
  ])("%s: the message says what is wrong and what to do", async (model, message) => {
    const failed = await failure(models.facts(model, NOW));
    expect(failed).toMatchObject({ kind: "unknown-model", billed: "none" });
    expect(failed.message).toMatch(message);
  });

  test("may be a path only where paths are allowed", async () => {
    await script({ turns: [{ text: "found" }] }, "guarded");
    const failed = await failure(modelsOf(false).facts(`scripted/${join(scriptsDir, "guarded")}`, NOW));
    expect(failed).toMatchObject({ kind: "unknown-model" });
    expect(failed.message).toMatch(
      /a script's path is not allowed here; put the file into .* \(WFLO_SCRIPTS\) and use scripted\/NAME/,
    );
    expect((await attempt(modelsOf(false), asking("scripted/guarded", "go"))).text).toBe("found");
  });

  test.each([
    ['{"turns":', /^the script .*broken-\d\.json cannot be read: .*JSON/],
    [
      '{"turns":[{"text":7},{"delayMs":-1}]}',
      /^the script .* is wrong: turns\[0\]\.text: must be a text, not 7; turns\[1\]\.delayMs:/,
    ],
    ["[]", /^the script .* is wrong: a script must be an object with a list of turns/],
  ])("that is wrong is named, with all that is wrong in it (case %#)", async (text, message) => {
    const failed = await failure(models.facts(await script(text, `broken-${text.length % 10}`), NOW));
    expect(failed).toMatchObject({ kind: "unknown-model", billed: "none" });
    expect(failed.message).toMatch(message);
  });

  test("that is a folder cannot be read", async () => {
    await mkdir(join(scriptsDir, "folder.json"), { recursive: true });
    expect((await failure(models.facts("scripted/folder", NOW))).message).toMatch(/folder\.json cannot be read/);
  });
});
