import { afterEach, describe, expect, test } from "@jest/globals";
import { SUMMARY_WANTED } from "../../core/compaction.js";
import { NO_USAGE } from "../../core/usage.js";
import { ModelCallFailed, type ModelRequest, type Models } from "../../ports/models.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { startOwnServer } from "../harness/own-server.js";
import { PLAIN_PRICE, plainModels, type Say } from "../harness/plain-models.js";

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

const LIMIT = 4_000;
const sizeOf = ({ messages }: Pick<ModelRequest, "messages">) => JSON.stringify(messages).length;
const isSummary = ({ messages }: ModelRequest) => messages.at(-1)?.text === SUMMARY_WANTED;

/** Models that count about four bytes a token, as providers do; nothing is known of a call beforehand. */
function counting(say: Say): Models & { readonly requests: ModelRequest[] } {
  const models = plainModels(async (request, signal) => {
    const answer = await say(request, signal);
    const outputTokens = Math.ceil(JSON.stringify(answer).length / 4);
    return { usage: { ...NO_USAGE, inputTokens: Math.ceil(sizeOf(request) / 4), outputTokens }, ...answer };
  });
  return {
    ...models,
    knownBound: async () => undefined,
    facts: async (model, at) => ({
      ...(await models.facts(model, at)),
      price: { ...PLAIN_PRICE, contextWindow: model === "plain/small" ? 1_000 : 100_000 },
    }),
  };
}

const callOf = (turn: number) => ({ toolCalls: [{ id: `c${turn}`, name: "look", args: { turn } }] });
const look = (bytes: number) => ({ name: "look", execute: async () => "x".repeat(bytes) });
const eventsOf = (type: string) =>
  (worker?.published ?? []).map(({ value }) => JSON.parse(value)).filter((event) => event.type === type);

async function run(world: { models: Models; bytes: number; agent?: object; input?: object; address?: string }) {
  const agent = {
    models: ["plain/one", "plain/cheap"],
    compactAtTokens: LIMIT,
    maxOutputTokens: 2_000,
    ...world.agent,
  };
  const { models, address } = world;
  worker = await startAgentWorker({ models, tools: [look(world.bytes)], agent, ...(address ? { address } : {}) });
  const input = { agent: "tester", input: "the task", budget: { limitUsd: "10" }, maxTurns: 30, ...world.input };
  return await worker.start(input);
}

describe("a conversation that comes near the agent's own limit", () => {
  test("loses old tool results first, which costs no call; the transcript has all of them", async () => {
    const models = counting(({ turn }) => (turn <= 12 ? callOf(turn) : { text: "done" }));
    const handle = await run({ models, bytes: 4_000 });
    expect(await handle.result()).toMatchObject({ status: "completed", output: "done", turns: 13 });
    expect(models.requests.filter(isSummary)).toEqual([]);
    expect(Math.max(...models.requests.map(sizeOf))).toBeLessThan(4 * 1.7 * LIMIT);
    const compacted = eventsOf("wflo.context.compacted");
    expect(compacted.length).toBeGreaterThan(1);
    expect(compacted[0]?.data).toMatchObject({ how: "results", turn: expect.any(Number) });
    const { head } = await handle.query<{ head: string }>("transcript");
    const all = (await worker?.transcripts.load(head as never)) ?? [];
    const results = all.flatMap(({ toolResults }) => toolResults ?? []).map(({ result }) => String(result).length);
    expect(results).toEqual(Array(12).fill(4_000));
  });

  test("is summarised where that is not enough, as a turn of its own by the last of the models, and goes on with task, summary and last turns", async () => {
    const models = counting((request) => {
      if (isSummary(request)) return { text: "THE GIST" };
      return request.turn <= 14 ? { text: "w".repeat(3_000), ...callOf(request.turn) } : { text: "done" };
    });
    const handle = await run({ models, bytes: 10 });
    const result = await handle.result();
    const summaries = models.requests.filter(isSummary);
    expect(summaries.length).toBeGreaterThan(1);
    expect(result).toMatchObject({
      status: "completed",
      output: "done",
      turns: models.requests.length - summaries.length,
    });
    expect(new Set(summaries.map(({ model }) => model))).toEqual(new Set(["plain/cheap"]));
    expect(Math.max(...models.requests.map(sizeOf))).toBeLessThan(4 * 1.7 * LIMIT);
    const after = models.requests[models.requests.indexOf(summaries[0] as ModelRequest) + 1] as ModelRequest;
    expect(after.model).toBe("plain/one");
    expect(after.messages.slice(0, 2).map(({ text }) => text)).toEqual([
      "the task",
      expect.stringMatching(/THE GIST$/),
    ]);
    expect(sizeOf(after)).toBeLessThan(0.7 * sizeOf(summaries[0] as ModelRequest));
    // It is on the books as any turn.
    expect(result.cost.byModel["plain/cheap"]).toMatchObject({ calls: summaries.length });
    expect(eventsOf("wflo.model.called").filter(({ data }) => data.model === "plain/cheap")).toHaveLength(
      summaries.length,
    );
  });

  test("can be forked from before: the fork reads what was there then", async () => {
    const models = counting((request) => {
      if (isSummary(request)) return { text: "THE GIST" };
      return request.turn <= 10 ? { text: "w".repeat(3_000), ...callOf(request.turn) } : { text: "done" };
    });
    const handle = await run({ models, bytes: 10 });
    await handle.result();
    const { head } = await handle.query<{ head: string }>("transcript");
    const count = models.requests.length;
    const fork = { transcript: head, turn: 3, workflowId: handle.workflowId };
    const forked = await worker?.start({ agent: "tester", input: "and now?", fork, maxTurns: 1 });
    await forked?.result();
    const texts = JSON.stringify(models.requests[count]?.messages);
    expect(texts).not.toContain("THE GIST");
    expect(models.requests[count]?.messages.filter(({ role }) => role === "assistant")).toHaveLength(3);
  });

  test("is summarised by the model in use where the last one could not take it, or cannot be had", async () => {
    const say: Say = (request) => {
      if (isSummary(request) && request.model === "plain/down") {
        throw new ModelCallFailed("down", { kind: "never", billed: "none" });
      }
      if (isSummary(request)) return { text: "THE GIST" };
      return request.turn <= 6 ? { text: "w".repeat(3_000), ...callOf(request.turn) } : { text: "done" };
    };
    for (const last of ["plain/small", "plain/down"]) {
      const models = counting(say);
      const handle = await run({ models, bytes: 10, agent: { models: ["plain/one", last] } });
      expect(await handle.result()).toMatchObject({ status: "completed", output: "done" });
      const answered = models.requests.filter((request) => isSummary(request) && request.model === "plain/one");
      expect(answered.length).toBeGreaterThan(0);
      await worker?.stop();
      worker = undefined;
    }
  }, 60_000);

  test("keeps what people say while it is summarised", async () => {
    let told = false;
    const models = counting(async (request) => {
      if (isSummary(request)) {
        if (!told) await handle.signal("message", { text: "WORDS OF ANA", by: "ana" });
        told = true;
        return { text: "THE GIST" };
      }
      return request.turn <= 9 ? { text: "w".repeat(3_000), ...callOf(request.turn) } : { text: "done" };
    });
    const handle = await run({ models, bytes: 10 });
    await handle.result();
    expect(told).toBe(true);
    const heard = models.requests.filter((request) => !isSummary(request) && sizeOf(request) > 0);
    expect(heard.some(({ messages }) => messages.some(({ text }) => text === "WORDS OF ANA"))).toBe(true);
  });

  test("is made shorter again and again, over histories of 60 events", async () => {
    const server = await startOwnServer({ dynamic: ["limit.historyCount.suggestContinueAsNew=60"] });
    try {
      const models = counting((request) => {
        if (isSummary(request)) return { text: `THE GIST of ${request.turn}` };
        return request.turn <= 60 ? { text: "w".repeat(2_000), ...callOf(request.turn) } : { text: "done" };
      });
      const handle = await run({ models, bytes: 900, address: server.address, input: { maxTurns: 90 } });
      const result = await handle.result();
      const summaries = models.requests.filter(isSummary).length;
      expect(result).toMatchObject({ status: "completed", output: "done", turns: models.requests.length - summaries });
      const { runId } = await (worker as AgentWorker).client.workflow.getHandle(handle.workflowId).describe();
      expect(runId).not.toBe(handle.firstExecutionRunId);
      expect(Math.max(...models.requests.map(sizeOf))).toBeLessThan(4 * 1.7 * LIMIT);
      expect(summaries).toBeGreaterThan(5);
      await worker?.stop();
      worker = undefined;
    } finally {
      await server.stop();
    }
  }, 120_000);

  test("a small window of a model is a limit too", async () => {
    const models = counting((request) => {
      if (isSummary(request)) return { text: "THE GIST" };
      return request.turn <= 4 ? { text: "w".repeat(1_500), ...callOf(request.turn) } : { text: "done" };
    });
    const handle = await run({ models, bytes: 10, agent: { models: ["plain/small"], compactAtTokens: undefined } });
    expect(await handle.result()).toMatchObject({ status: "completed" });
    expect(models.requests.filter(isSummary).length).toBeGreaterThan(0);
  });
});
