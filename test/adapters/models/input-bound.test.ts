import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { utf8Bytes } from "../../../core/digest.js";
import { firstBound, jsonBytes, nextBound } from "../../../core/input-bound.js";
import type { JsonObject } from "../../../core/json.js";
import type { Message } from "../../../core/transcript.js";
import type { ToolDescription } from "../../../ports/models.js";
import { asking, attempt, MODELS, modelsAt } from "./asking.js";
import { type MockProvider, startMockProvider } from "./mock-provider.js";
import { anthropicAnswer, chatAnswer, googleAnswer, openaiAnswer } from "./native-answers.js";

/*
 * The bound that a run reserves with is made of our own JSON. Here it is held against what is really sent: a tokenizer
 * that needs a token for every byte of every text and name (none needs more), and some for the frame of each message.
 */

const whole = {
  openai: openaiAnswer,
  anthropic: anthropicAnswer,
  google: googleAnswer,
  "openai-compatible": chatAnswer,
};

let name: keyof typeof whole;
let server: MockProvider;
beforeAll(async () => {
  server = await startMockProvider(() => ({ pieces: whole[name]("ok") }));
});
afterAll(async () => await server.stop());

const FRAME_TOKENS = 8;
/** Words of the protocol, which are part of a message's frame. */
const PROTOCOL = new Set(["type", "role", "cache_control", "strict", "status", "eager_input_streaming"]);

interface Sent {
  readonly bytes: number;
  readonly frames: number;
}

/** Bytes of all that a provider tokenizes in a body, and the messages that it frames. */
function sentIn(body: string): Sent {
  const parsed = JSON.parse(body) as Record<string, unknown>;
  const messages = (parsed.input ?? parsed.messages ?? parsed.contents) as readonly unknown[];
  const read = [messages, parsed.system, parsed.systemInstruction];
  return { bytes: textBytes(read) + toolBytes(parsed.tools as readonly SentTool[]), frames: messages.length + 1 };
}

interface SentTool {
  readonly name: string;
  readonly description: string;
  readonly function?: SentTool;
  readonly functionDeclarations?: readonly SentTool[];
}

/** Name, description and the schema's whole JSON of each tool, in whatever wrapping a provider has them. */
function toolBytes(tools: readonly SentTool[] = []): number {
  return tools
    .flatMap((tool) => tool.functionDeclarations ?? [tool.function ?? tool])
    .reduce((sum, tool) => {
      const { name: called, description, ...rest } = tool as SentTool & Record<string, unknown>;
      const schema = rest.parameters ?? rest.input_schema ?? rest.parametersJsonSchema;
      expect(schema).toEqual(expect.any(Object));
      return sum + textBytes([called, description]) + jsonBytes(schema);
    }, 0);
}

function textBytes(value: unknown): number {
  if (typeof value === "string") return utf8Bytes(value.normalize("NFC"));
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + textBytes(item), 0);
  if (typeof value !== "object" || value === null) return String(value ?? "").length;
  return Object.entries(value).reduce<number>(
    (sum, [key, inner]) => (PROTOCOL.has(key) ? sum : sum + textBytes(inner)),
    0,
  );
}

const tokensOf = (factor: number, { bytes, frames }: Sent) => Math.ceil(factor * bytes) + FRAME_TOKENS * frames;

const text = fc.oneof(
  fc.string({ maxLength: 200 }),
  fc.string({ unit: "grapheme", maxLength: 100 }),
  fc.constantFrom('"quoted" \\ and\nlines', "日本語のテキスト", "😀".repeat(20), "e\u0301".repeat(30), "1".repeat(80)),
);
const word = fc.stringMatching(/^[a-z][a-z_]{0,20}$/);
const args = fc.dictionary(word, fc.oneof(text, fc.integer(), fc.array(text, { maxLength: 3 })), { maxKeys: 4 });

/** A turn: what the user says, which tools the model asks for, what they answer, what the model says then. */
const turn = fc.record({
  said: text,
  before: text,
  calls: fc.array(
    fc.record({ tool: word, args, result: fc.oneof(text, args), fails: fc.boolean(), lost: fc.boolean() }),
    { maxLength: 3 },
  ),
});
type Turn = typeof turn extends fc.Arbitrary<infer T> ? T : never;

function messagesOf(turns: readonly Turn[]): Message[] {
  return turns.flatMap(({ said, before, calls }, index): Message[] => {
    const at = index + 1;
    const ids = calls.map((_, call) => `call_${at}_${call}`);
    const toolCalls = calls.map((call, n) => ({ id: ids[n] ?? "", name: call.tool, args: call.args as JsonObject }));
    const toolResults = calls.flatMap((call, n) => {
      const own = { id: ids[n] ?? "", name: call.tool };
      if (call.lost) return [];
      return [
        call.fails ? { ...own, error: JSON.stringify(call.result) } : { ...own, result: call.result as JsonObject },
      ];
    });
    return [
      { role: "user", text: said, turn: at },
      { role: "assistant", text: before, ...(calls.length > 0 ? { toolCalls } : {}), turn: at },
      ...(toolResults.length > 0 ? [{ role: "tool", toolResults, turn: at } as Message] : []),
    ];
  });
}

const tools: fc.Arbitrary<ToolDescription[]> = fc.uniqueArray(
  fc.record({
    name: word,
    description: text,
    inputSchema: fc
      .dictionary(word, fc.constant({ type: "string" }), { maxKeys: 5 })
      .map((properties) => ({ type: "object", properties })),
  }),
  { selector: ({ name: tool }) => tool, maxLength: 4 },
);

describe.each(MODELS)("$name", ({ name: provider, model }) => {
  const send = async (instructions: string, offered: readonly ToolDescription[], messages: readonly Message[]) => {
    name = provider;
    await attempt(modelsAt(server.url), asking(model, "", { instructions, tools: offered, messages }));
    return sentIn(server.requests.at(-1)?.body ?? "");
  };

  test("the bound of a whole prompt covers what is sent", async () => {
    const { inputBound } = await modelsAt(server.url).facts(model, new Date());
    await fc.assert(
      fc.asyncProperty(
        text,
        tools,
        fc.array(turn, { minLength: 1, maxLength: 6 }),
        async (instructions, offered, turns) => {
          const messages = [...messagesOf(turns), { role: "user" as const, text: "and now?", turn: 99 }];
          const sent = await send(instructions, offered, messages);
          const bound = firstBound(inputBound, jsonBytes({ instructions, tools: offered }) + jsonBytes(messages));
          expect(bound).toBeGreaterThanOrEqual(tokensOf(inputBound.factor, sent));
        },
      ),
      { numRuns: 60 },
    );
  });

  test("the bound from the last count covers what is sent next, however many bytes a token has", async () => {
    const { inputBound } = await modelsAt(server.url).facts(model, new Date());
    const density = fc.constantFrom(0.2, 0.5, 1);
    await fc.assert(
      fc.asyncProperty(
        text,
        tools,
        fc.array(turn, { minLength: 2, maxLength: 5 }),
        density,
        async (instructions, offered, turns, share) => {
          const factor = inputBound.factor * share;
          // A call without a result is a fork's, which begins with a bound of the whole prompt.
          const ran = turns.map((one) => ({ ...one, calls: one.calls.map((call) => ({ ...call, lost: false })) }));
          const messages = messagesOf(ran);
          const at = messages.findLastIndex(({ role }) => role === "assistant");
          const [prompt, answered] = [messages.slice(0, at), messages[at] as Message];
          const since = [...messages.slice(at + 1), { role: "user" as const, text: "and now?", turn: 99 }];
          const counted = tokensOf(factor, await send(instructions, offered, prompt));
          const output = Math.ceil(factor * jsonBytes([answered.text, answered.toolCalls ?? []])) + FRAME_TOKENS;
          const next = tokensOf(factor, await send(instructions, offered, [...prompt, answered, ...since]));
          const bound = nextBound(inputBound, counted + output, jsonBytes(since), since.length);
          expect(bound).toBeGreaterThanOrEqual(next);
        },
      ),
      { numRuns: 40 },
    );
  });
});

test("the formula is the notes': f × bytes + hidden, and 16 a message from the second call on", () => {
  const claude = { factor: 1.1, hidden: 1_100 };
  expect(firstBound(claude, 1_000)).toBe(2_200);
  expect(firstBound({ factor: 1, hidden: 64 }, 1_000)).toBe(1_064);
  expect(nextBound(claude, 5_000, 1_000, 2)).toBe(5_000 + 1_100 + 16 * 2 + 16);
});
