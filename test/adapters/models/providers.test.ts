import { LLMock } from "@copilotkit/aimock";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Models, ToolDescription } from "../../../ports/models.js";
import { asking, attempt, MODELS, modelsAt } from "./asking.js";

/* Each provider through real HTTP, against the mock server `@copilotkit/aimock`. */

const TOOLS: readonly ToolDescription[] = [
  {
    name: "weather",
    description: "the weather",
    inputSchema: { type: "object", properties: { city: { type: "string" } } },
  },
  { name: "clock", description: "the time", inputSchema: { type: "object" } },
];

/** The totals in every provider's words. */
const USAGE = {
  input_tokens: 120,
  output_tokens: 30,
  prompt_tokens: 120,
  completion_tokens: 30,
  promptTokenCount: 120,
  candidatesTokenCount: 30,
};

let mock: LLMock;
let models: Models;
beforeAll(async () => {
  mock = new LLMock({ port: 0 });
  mock.onMessage("greet", { content: "Hello, how are you today?", usage: USAGE }, { chunkSize: 5 });
  mock.onMessage("look both", {
    toolCalls: [
      { name: "weather", arguments: '{"city":"Wien"}' },
      { name: "clock", arguments: "{}" },
    ],
    usage: USAGE,
  });
  mock.onMessage("say and look", { content: "Let me look.", toolCalls: [{ name: "clock", arguments: "{}" }] });
  mock.onMessage("write badly", { toolCalls: [{ name: "weather", arguments: '{"city":' }] });
  mock.onMessage("a list", { toolCalls: [{ name: "weather", arguments: '["Wien"]' }] });
  mock.onMessage("too much", { content: "And so on", finishReason: "length", usage: USAGE });
  await mock.start();
  models = modelsAt(mock.url);
});
afterAll(async () => await mock.stop());

describe.each(MODELS)("$name", ({ name, model }) => {
  test("a text streams in pieces, with what it cost and the request's id", async () => {
    const answer = await attempt(models, asking(model, "greet me"));
    expect(answer).toMatchObject({
      text: "Hello, how are you today?",
      toolCalls: [],
      finishReason: "stop",
      usage: { inputTokens: 120, outputTokens: 30, cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 },
    });
    expect(answer.deltas.join("")).toBe(answer.text);
    expect(answer.deltas.filter((text) => text !== "").length).toBeGreaterThan(2);
    expect(answer.requestId).toMatch(/^\S+$/);
    expect(answer.rawUsage).toMatchObject({ [name === "google" ? "promptTokenCount" : rawInput(name)]: 120 });
  });

  test("parallel tool calls come with arguments as objects, and ids of their own", async () => {
    const answer = await attempt(models, asking(model, "look both", { tools: TOOLS }));
    expect(answer.finishReason).toBe("tool-calls");
    expect(answer.toolCalls.map(({ name: tool, args }) => [tool, args])).toEqual([
      ["weather", { city: "Wien" }],
      ["clock", {}],
    ]);
    expect(new Set(answer.toolCalls.map(({ id }) => id)).size).toBe(2);
    expect(answer.deltas.length).toBeGreaterThan(2);
  });

  test("a text before a tool call is kept", async () => {
    const answer = await attempt(models, asking(model, "say and look", { tools: TOOLS }));
    expect(answer).toMatchObject({ text: "Let me look.", toolCalls: [{ name: "clock" }], finishReason: "tool-calls" });
  });

  test("counts that are missing or zero are no usage", async () => {
    const { usage } = await attempt(models, asking(model, "say and look", { tools: TOOLS }));
    // Chat completions are counted by the mock itself; the other formats report zeros.
    if (name === "openai-compatible") expect(usage?.inputTokens).toBeGreaterThan(0);
    else expect(usage).toBeUndefined();
  });

  test("a tool's answer goes back to the model in the next request", async () => {
    const id = `call-${name}`;
    mock.onToolResult(id, { content: `${name} heard of 21 degrees` });
    const messages = [
      { role: "user" as const, text: "weather?", turn: 1 },
      { role: "assistant" as const, text: "", toolCalls: [{ id, name: "weather", args: { city: "Wien" } }], turn: 1 },
      { role: "tool" as const, toolResults: [{ id, name: "weather", result: { degrees: 21 } }], turn: 1 },
    ];
    const answer = await attempt(models, asking(model, "", { messages, tools: TOOLS, turn: 2 }));
    expect(answer.text).toBe(`${name} heard of 21 degrees`);
    const sent = mock.getLastRequest()?.body as { messages: { role: string; content?: string }[] };
    expect(sent.messages.map(({ role }) => role)).toEqual(["system", "user", "assistant", "tool"]);
    expect(JSON.stringify(sent.messages.at(-1))).toContain("21");
  });
});

describe.each(MODELS.filter(({ name }) => name !== "google" && name !== "anthropic"))("$name", ({ model }) => {
  // The mock itself reads the arguments that it sends in Anthropic's and Gemini's formats.
  test.each(["write badly", "a list"])(
    "arguments that are no object come as the model wrote them: %s",
    async (text) => {
      const { toolCalls } = await attempt(models, asking(model, text, { tools: TOOLS }));
      expect(toolCalls).toMatchObject([{ name: "weather", raw: text === "a list" ? '["Wien"]' : '{"city":' }]);
      expect(toolCalls[0]).not.toHaveProperty("args");
    },
  );
});

// The mock says `stop` in the Responses format.
test.each(MODELS.filter(({ name }) => name !== "openai"))("$name: an answer at its cap says so", async ({ model }) => {
  const answer = await attempt(models, asking(model, "too much"));
  expect(answer).toMatchObject({ text: "And so on", finishReason: "length" });
});

test("what is sent has the tools by name, the cap, and nothing else that we did not choose", async () => {
  for (const { model } of MODELS) {
    await attempt(models, asking(model, "greet me", { tools: TOOLS, maxOutputTokens: 777, temperature: 0.5 }));
    const body = mock.getLastRequest()?.body as Record<string, unknown> & { tools: { function: { name: string } }[] };
    expect(body.tools.map((tool) => tool.function.name)).toEqual(["clock", "weather"]);
    expect(body).toMatchObject({ max_tokens: 777, temperature: 0.5, stream: true });
  }
});

function rawInput(name: string): string {
  return name === "openai-compatible" ? "prompt_tokens" : "input_tokens";
}
