import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Message } from "../../../core/transcript.js";
import type { ModelAnswer, ModelRequest } from "../../../ports/models.js";
import { asking, attempt, MODELS, modelsAt } from "./asking.js";
import { events, type MockProvider, startMockProvider } from "./mock-provider.js";
import { anthropicAnswer, chatAnswer, googleAnswer, openaiAnswer } from "./native-answers.js";

/* What is really sent: the body of the HTTP request. */

const whole = {
  openai: openaiAnswer,
  anthropic: anthropicAnswer,
  google: googleAnswer,
  "openai-compatible": chatAnswer,
};

let server: MockProvider;
let answer: readonly string[] = [];
beforeEach(async () => {
  server = await startMockProvider(() => ({ pieces: answer }));
});
afterEach(async () => await server.stop());

/** The body that a provider gets for a conversation, as text. */
async function bodyFor(
  name: keyof typeof whole,
  model: string,
  messages: readonly Message[],
  more: Partial<ModelRequest> = {},
) {
  answer = whole[name]("ok");
  await attempt(modelsAt(server.url), asking(model, "", { messages, ...more }));
  return server.requests.at(-1)?.body ?? "";
}

const user = (text: string, turn = 1): Message => ({ role: "user", text, turn });
const asked: Message = {
  role: "assistant",
  text: "Let me look.",
  toolCalls: [
    { id: "c1", name: "look", args: { at: "x" } },
    { id: "c2", name: "look", args: { at: "y" } },
  ],
  turn: 1,
};
const results: Message = {
  role: "tool",
  toolResults: [
    { id: "c1", name: "look", result: { seen: "result one" } },
    { id: "c2", name: "look", error: "result two failed" },
  ],
  turn: 1,
};
const TOOLS = [
  { name: "look", description: "looks", inputSchema: { type: "object", properties: { at: { type: "string" } } } },
  { name: "ask", description: "asks", inputSchema: { type: "object" } },
];

describe.each(MODELS)("$name", ({ name, model }) => {
  test("request n is a prefix of request n + 1, byte for byte", async () => {
    const more = { tools: TOOLS };
    const messages = [
      user("first question"),
      asked,
      results,
      { role: "assistant", text: "It is x.", turn: 2 } as Message,
    ];
    const bodies = [
      await bodyFor(name, model, messages.slice(0, 1), more),
      await bodyFor(name, model, messages.slice(0, 3), { ...more, turn: 2, tools: TOOLS.toReversed() }),
      await bodyFor(name, model, [...messages, user("second question", 3)], { ...more, turn: 3 }),
    ].map(promptOf);
    for (const [index, body] of bodies.entries()) {
      expect(bodies[(index + 1) % bodies.length]?.tools).toBe(body.tools);
      const next = bodies[index + 1];
      if (next) expect(next.messages.startsWith(body.messages.slice(0, -1))).toBe(true);
    }
    expect(bodies[2]?.messages).toContain("second question");
  });

  test("every tool call has its result behind it, whatever was said in between", async () => {
    const body = promptOf(await bodyFor(name, model, [user("q"), asked, user("hurry up"), results]));
    const order = ["Let me look.", "result one", "result two failed", "hurry up"].map((text) =>
      body.messages.indexOf(text),
    );
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(order[0]).toBeGreaterThan(0);
  });

  test("a call that never ran, as in a fork, is answered so; a result without its call is left out", async () => {
    const stray: Message = { role: "tool", toolResults: [{ id: "zz", name: "look", result: "stray" }], turn: 1 };
    const body = promptOf(await bodyFor(name, model, [user("q"), stray, asked, user("go on", 2)]));
    expect(body.messages.match(/this call was not run/g)).toHaveLength(2);
    expect(body.messages).not.toContain("stray");
  });

  test("empty messages are not sent", async () => {
    const empty: Message = { role: "assistant", text: "", turn: 1 };
    const body = promptOf(await bodyFor(name, model, [user("q"), empty, user(""), user("still there?")]));
    expect(JSON.parse(body.messages) as unknown[]).toHaveLength(bodyLength(name));
  });

  test("a message of the system within a conversation is sent as what a user says", async () => {
    const system: Message = { role: "system", text: "the rules changed", turn: 2 };
    const body = await bodyFor(name, model, [user("q"), { role: "assistant", text: "a", turn: 1 }, system]);
    const last = (JSON.parse(promptOf(body).messages) as { role: string }[]).at(-1);
    expect(last?.role).toBe("user");
    expect(JSON.stringify(last)).toContain("the rules changed");
  });

  test("another model's reasoning, parts and options are not sent", async () => {
    const foreign: Message = {
      ...asked,
      providerParts: [
        {
          model: "openai/other",
          parts: [
            { type: "reasoning", text: "SECRET THOUGHT", providerOptions: { [name]: { signature: "X" } } },
            { type: "text", length: 12 },
            { type: "tool-call", id: "c1" },
            { type: "tool-call", id: "c2" },
          ],
        },
      ],
    };
    const body = await bodyFor(name, model, [user("q"), foreign, results]);
    expect(body).not.toContain("SECRET THOUGHT");
    expect(body).toContain("Let me look.");
  });

  test("parts that no longer fit their message, or are no parts at all, are passed over", async () => {
    const edited = (parts: unknown) => ({ ...asked, providerParts: [{ model, parts }] as never });
    for (const parts of [
      [
        { type: "text", length: 3 },
        { type: "tool-call", id: "c1" },
        { type: "tool-call", id: "c2" },
      ],
      [
        { type: "text", length: 12 },
        { type: "tool-call", id: "c1" },
      ],
      [
        { type: "text", length: 12 },
        { type: "tool-call", id: "c1" },
        { type: "tool-call", id: "c9" },
      ],
    ]) {
      expect(await bodyFor(name, model, [user("q"), edited(parts), results])).toBe(
        await bodyFor(name, model, [user("q"), asked, results]),
      );
    }
  });
});

/** Sends the answer of a model back to it, as the transcript would have it. */
async function roundTrip(model: string, pieces: readonly string[]): Promise<{ answered: ModelAnswer; body: string }> {
  answer = pieces;
  const answered = await attempt(modelsAt(server.url), asking(model, "q", { tools: TOOLS }));
  const kept: Message = {
    role: "assistant",
    text: answered.text,
    toolCalls: answered.toolCalls.map(({ id, name, args }) => ({ id, name, args: args ?? {} })),
    turn: 1,
    ...(answered.providerParts ? { providerParts: JSON.parse(JSON.stringify(answered.providerParts)) } : {}),
  };
  const toolResults = answered.toolCalls.map(({ id, name }) => ({ id, name, result: "seen" }));
  const back = [
    user("q"),
    kept,
    toolResults.length > 0 ? ({ role: "tool", toolResults, turn: 1 } as Message) : user("more"),
  ];
  await attempt(modelsAt(server.url), asking(model, "", { messages: back, tools: TOOLS, turn: 2 }));
  return { answered, body: server.requests.at(-1)?.body ?? "" };
}

test("OpenAI gets its encrypted reasoning back, and keeps nothing itself", async () => {
  const { answered, body } = await roundTrip("openai/gpt-5-mini", openaiAnswer("the answer"));
  expect(JSON.parse(body)).toMatchObject({
    store: false,
    service_tier: "default",
    include: ["reasoning.encrypted_content"],
    prompt_cache_key: expect.stringMatching(/^[0-9a-f]{32}$/),
    input: [
      { role: "developer", content: "You are a test." },
      { role: "user" },
      { type: "reasoning", id: "rs_1", encrypted_content: "ENCRYPTED" },
      { role: "assistant", content: "the answer" },
      { role: "user" },
    ],
  });
  expect(JSON.stringify(answered.providerParts)).not.toContain("the answer");
});

test("Claude gets its signed thinking back before its tool call, and the end of the prompt is cached", async () => {
  const { body } = await roundTrip("anthropic/claude-haiku-4-5", anthropicAnswer("the answer"));
  expect(JSON.parse(body)).toMatchObject({
    max_tokens: 1_000,
    cache_control: { type: "ephemeral" },
    system: [{ type: "text", text: "You are a test.", cache_control: { type: "ephemeral" } }],
    messages: [
      { role: "user" },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "let me see", signature: "SIGNED" },
          { type: "text", text: "the answer" },
          { type: "tool_use", id: "toolu_1", name: "look", input: { at: "x" } },
        ],
      },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "seen" }] },
    ],
  });
});

test("Gemini gets the thought signature of its tool call back", async () => {
  const { body } = await roundTrip("google/gemini-2.5-flash", googleAnswer("the answer"));
  const { contents } = JSON.parse(body) as { contents: object[] };
  expect(contents[1]).toMatchObject({
    role: "model",
    parts: [{ text: "the answer" }, { functionCall: { name: "look", args: { at: "x" } }, thoughtSignature: "THOUGHT" }],
  });
});

test("an answer that is only text and tool calls keeps nothing beside them", async () => {
  answer = chatAnswer("plain");
  expect(await attempt(modelsAt(server.url), asking("openai-compatible/any", "q"))).not.toHaveProperty("providerParts");
});

test("Google's cap is at most 32,768, so that one call stays one request", async () => {
  await bodyFor("google", "google/gemini-2.5-flash", [user("q")], { maxOutputTokens: 60_000 });
  expect(JSON.parse(server.requests.at(-1)?.body ?? "")).toMatchObject({
    generationConfig: { maxOutputTokens: 32_768 },
  });
  const facts = await modelsAt(server.url).facts("google/gemini-2.5-flash", new Date());
  expect(facts.price?.maxOutputTokens).toBe(32_768);
});

test("Anthropic takes other servers' ids of tool calls in its own alphabet, on the call and on its result", async () => {
  const id = "functions.look:0";
  const body = await bodyFor("anthropic", "anthropic/claude-haiku-4-5", [
    user("q"),
    { role: "assistant", text: "", toolCalls: [{ id, name: "look", args: {} }], turn: 1 },
    { role: "tool", toolResults: [{ id, name: "look", result: "seen" }], turn: 1 },
  ]);
  expect(body).not.toContain(id);
  expect(body.match(/"functions_look_0"/g)).toHaveLength(2);
});

test("calls of one answer that share an id, or have none, get ids of their own", async () => {
  const parts = ["same", "same", ""].map((id) => ({ functionCall: { id, name: "look", args: {} } }));
  answer = events([{ candidates: [{ content: { role: "model", parts }, finishReason: "STOP", index: 0 }] }]);
  const { toolCalls } = await attempt(modelsAt(server.url), asking("google/gemini-2.5-flash", "q", { tools: TOOLS }));
  expect(toolCalls.map(({ name, args }) => [name, args])).toEqual(parts.map(() => ["look", {}]));
  expect(new Set(toolCalls.map(({ id }) => id)).size).toBe(3);
  expect(toolCalls[0]?.id).toBe("same");
  expect(toolCalls.every(({ id }) => id !== "")).toBe(true);
});

test("runs have prompt caches of their own, and all calls of a run the same one", async () => {
  const keyOf = async (conversation: string) => {
    const body = await bodyFor("openai", "openai/gpt-4o-mini", [user("q")], { conversation });
    return (JSON.parse(body) as { prompt_cache_key: string }).prompt_cache_key;
  };
  const long = "x".repeat(2_000);
  const keys = [await keyOf("run-1/a"), await keyOf("run-1/a"), await keyOf("run-2/b"), await keyOf(long)];
  expect(keys[0]).toBe(keys[1]);
  expect(new Set(keys).size).toBe(3);
  // OpenAI takes 64 characters.
  expect(Math.max(...keys.map(({ length }) => length))).toBeLessThanOrEqual(64);
});

interface Prompt {
  readonly tools: string;
  readonly messages: string;
}

/** The parts of a body that grow from turn to turn, as the bytes that they are. */
function promptOf(body: string): Prompt {
  const parsed = JSON.parse(body) as Record<string, unknown>;
  const messages = JSON.stringify(parsed.input ?? parsed.messages ?? parsed.contents);
  expect(body).toContain(messages);
  return { tools: JSON.stringify(parsed.tools), messages };
}

/** Messages of a prompt with two users' texts: some providers have the instructions among them, Anthropic joins neighbours. */
function bodyLength(name: string): number {
  return { openai: 3, anthropic: 1, google: 2, "openai-compatible": 3 }[name] ?? 0;
}
