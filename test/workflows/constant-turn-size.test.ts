import { afterEach, describe, expect, test } from "@jest/globals";
import type { ModelCallRequest } from "../../core/activity-contract.js";
import { utf8Bytes } from "../../core/digest.js";
import { jsonBytes } from "../../core/input-bound.js";
import { type InPieces, isInPieces } from "../../core/pieces.js";
import type { CarriedRun } from "../../core/run.js";
import { type AgentWorker, startAgentWorker, type TestWorld } from "../harness/agent-worker.js";
import { type HistoryEvent, historiesOf, inputsOf, jsonSize, payloadsOf, typesOf } from "../harness/histories.js";
import { plainModels } from "../harness/plain-models.js";

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

async function finished(world: TestWorld, input: object) {
  worker = await startAgentWorker({ ...world, maxCachedWorkflows: 100 });
  const run = await worker.start({ agent: "tester", input: "go", ...input });
  const result = await run.result();
  const histories = await historiesOf(worker.client, run.workflowId, run.firstExecutionRunId);
  return { result, histories, events: histories.flatMap(({ events }) => events) };
}

const outputs = (bytes: number) => ({ name: "look", execute: async () => "x".repeat(bytes) });
const looking = (turns: number, textBytes = 0) =>
  plainModels(({ turn }) =>
    turn < turns
      ? { text: "y".repeat(textBytes), toolCalls: [{ id: `c${turn}`, name: "look", args: { turn } }] }
      : { text: "done" },
  );

/** The events from the call of each turn up to the call of the next one. */
function eventsByTurn(events: readonly HistoryEvent[]): readonly (readonly HistoryEvent[])[] {
  const turns: HistoryEvent[][] = [];
  for (const event of events) {
    if (inputsOf<ModelCallRequest>([event], "callModel").length > 0) turns.push([]);
    turns.at(-1)?.push(event);
  }
  return turns;
}

/** All that a run remembers where a history begins, in the store too. */
async function carriedBytes(started: HistoryEvent | undefined): Promise<number> {
  const carried = JSON.parse(payloadsOf(started ? [started] : [])[1]?.text ?? "null") as CarriedRun | InPieces;
  if (!isInPieces(carried)) return jsonBytes(carried);
  const pieces = await Promise.all(carried.pieces.map(async (piece) => await worker!.blobs.getText(piece)));
  return utf8Bytes(pieces.join(""));
}

const average = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length;

describe("a turn costs the same wherever it stands in a run", () => {
  test("100 calls with outputs of 5 KB and a transcript of 209,000 tokens leave less than 4 MiB of history", async () => {
    const world = { models: looking(101, 3_500), tools: [outputs(5_000)] };
    const { result, histories } = await finished(world, { maxTurns: 200 });
    expect(result).toMatchObject({ status: "completed", turns: 101 });
    const { bytes } = await worker!.transcripts.append(result.transcript as never, []);
    expect(bytes / 4).toBeGreaterThan(209_000);
    expect(histories.reduce((sum, history) => sum + history.bytes, 0)).toBeLessThan(4 * 1024 * 1024);
  });

  test("1,000 turns: history, inputs and memory of the last hundred are those of the first, at most 13 events a turn", async () => {
    const world = { models: looking(1_001), tools: [outputs(500)] };
    const { result, histories, events } = await finished(world, { maxTurns: 2_000, budget: { limitUsd: "10" } });
    expect(result).toMatchObject({ status: "completed", turns: 1_001 });
    expect(histories.length).toBeGreaterThan(1);
    const turns = eventsByTurn(events);
    const [first, last] = [turns.slice(1, 100), turns.slice(900, 1_000)];
    const counts = [first, last].map((some) => average(some.map(({ length }) => length)));
    expect(Math.max(...counts)).toBeLessThanOrEqual(13);
    const sizes = [first, last].map((some) => average(some.map(jsonSize)));
    expect(sizes[1]! / sizes[0]!).toBeLessThan(1.05);
    const carried = await Promise.all(
      histories.slice(1).map(async ({ events: [started] }) => await carriedBytes(started)),
    );
    expect(carried.length).toBeGreaterThan(1);
    expect(carried.at(-1)! / carried[0]!).toBeLessThan(1.05);
    const inputs = [first, last].map((some) => average(some.map((one) => payloadsOf(one.slice(0, 1))[0]?.bytes ?? 0)));
    expect(inputs[1]! / inputs[0]!).toBeLessThan(1.05);
  }, 300_000);

  test.each<[string, TestWorld["tools"], number]>([
    ["an activity", [outputs(10)], 13],
    ["a local activity", [{ ...outputs(10), kind: "local" }], 7.5],
  ])("a turn with a tool that is %s adds no more events than its calls take", async (_, tools = [], most) => {
    const { events } = await finished({ models: looking(21), tools }, {});
    const counts = eventsByTurn(events)
      .slice(1, 20)
      .map(({ length }) => length);
    expect(average(counts)).toBeLessThanOrEqual(most);
    expect(typesOf(events)).not.toContain("WORKFLOW_TASK_FAILED");
  });
});
