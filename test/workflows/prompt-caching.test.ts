import { afterEach, expect, test } from "@jest/globals";
import { cataloguePrice } from "../../adapters/models/price-catalogue.js";
import type { ModelPrice } from "../../core/pricing.js";
import { modelsAt } from "../adapters/models/asking.js";
import { events, type MockProvider, startMockProvider } from "../adapters/models/mock-provider.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";

/*
 * A long run pays cached prices: against a server that caches as Anthropic does (prompts that begin with what a request has
 * marked before are read at a tenth, what is new is written at a quarter more), over real HTTP.
 */

let worker: AgentWorker | undefined;
let provider: MockProvider | undefined;
afterEach(async () => {
  await worker?.stop();
  await provider?.stop();
});

const TURNS = 50;
const MODEL = "anthropic/claude-haiku-4-5";
const BYTES_A_TOKEN = 4;

interface Body {
  readonly tools?: unknown;
  readonly system: readonly { readonly cache_control?: object }[];
  readonly messages: readonly unknown[];
  readonly cache_control?: object;
}

/** The prompt in the order in which the provider caches it: tools, system, messages, without what marks it. */
function promptOf({ tools = [], system, messages }: Body): string {
  const text = JSON.stringify([tools, system, messages], (key, value: unknown) =>
    key === "cache_control" ? undefined : value,
  );
  return text.slice(0, text.lastIndexOf("]]"));
}

/** Counts as the provider would: what it has of the prompt, what it writes, and nothing else. */
function cachingProvider() {
  const counted: {
    readonly input: number;
    readonly cached: number;
    readonly written: number;
    readonly prompt: string;
  }[] = [];
  let kept = "";
  const count = (body: Body) => {
    const prompt = promptOf(body);
    const asksForIt = body.cache_control !== undefined || body.system.some((part) => part.cache_control);
    const cached = prompt.startsWith(kept) ? Math.floor(kept.length / BYTES_A_TOKEN) : 0;
    const input = Math.ceil(prompt.length / BYTES_A_TOKEN);
    if (asksForIt) kept = prompt;
    const usage = { input, cached, written: asksForIt ? input - cached : 0, prompt };
    counted.push(usage);
    return usage;
  };
  return { counted, count };
}

const answer = (turn: number, usage: { input: number; cached: number; written: number }) =>
  events([
    {
      type: "message_start",
      message: {
        ...{ id: `msg_${turn}`, type: "message", role: "assistant", model: "claude-haiku-4-5", content: [] },
        usage: {
          input_tokens: usage.input - usage.cached - usage.written,
          cache_read_input_tokens: usage.cached,
          cache_creation_input_tokens: usage.written,
          output_tokens: 1,
        },
      },
    },
    ...(turn < TURNS
      ? [
          {
            type: "content_block_start",
            index: 0,
            content_block: { type: "tool_use", id: `toolu_${turn}`, name: "look", input: {} },
          },
          { type: "content_block_stop", index: 0 },
        ]
      : [
          { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
          { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "done" } },
          { type: "content_block_stop", index: 0 },
        ]),
    {
      type: "message_delta",
      delta: { stop_reason: turn < TURNS ? "tool_use" : "end_turn", stop_sequence: null },
      usage: { output_tokens: 50 },
    },
    { type: "message_stop" },
  ]);

test("each prompt goes on where the one before ended, and a run of 50 turns pays a quarter of what its input would cost", async () => {
  const caching = cachingProvider();
  provider = await startMockProvider(({ body }, index) => ({
    pieces: answer(index + 1, caching.count(JSON.parse(body) as Body)),
  }));
  worker = await startAgentWorker({
    models: modelsAt(provider.url),
    agent: { models: [MODEL], instructions: "You look things up. ".repeat(300) },
    tools: [{ name: "look", execute: async () => ({ found: "a page of text ".repeat(100) }) }],
  });
  const run = await worker.start({ agent: "tester", input: "Look around.", budget: { limitUsd: "5" } });
  const { status, cost } = await run.result();
  expect(status).toBe("completed");
  const { counted } = caching;
  for (const [index, { prompt }] of counted.slice(1).entries()) {
    expect(prompt.startsWith(counted[index]?.prompt ?? "?")).toBe(true);
  }
  const { rates } = cataloguePrice(MODEL, new Date()) as ModelPrice;
  const uncached = counted.reduce((sum, { input }) => sum + input * rates.input + 50 * rates.output, 0) / 1_000;
  expect(cost.byModel[MODEL]).toMatchObject({
    calls: TURNS,
    inputTokens: counted.reduce((sum, { input }) => sum + input, 0),
    cachedInputTokens: counted.reduce((sum, { cached }) => sum + cached, 0),
    cacheWriteTokens: counted.reduce((sum, { written }) => sum + written, 0),
  });
  expect(cost.nanoUsd).toBeLessThan(uncached / 4);
}, 60_000);
