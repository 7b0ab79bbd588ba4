import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { readUsageExport } from "../../cli/usage-export.js";
import { ModelCallFailed } from "../../ports/models.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { deferred } from "../harness/deferred.js";
import { eventually } from "../harness/eventually.js";
import { temporaryFolders } from "../harness/folder.js";
import { plainModels } from "../harness/plain-models.js";
import { wflo, wfloJson } from "./command-line.js";

const newFolder = temporaryFolders();
let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

describe("an export is read", () => {
  test.each<[string, string, object]>([
    [
      "as OpenAI's CSV: input has the cached tokens among it",
      'request_id,Model,created_at,Input Tokens,input_cached_tokens,output_tokens,cost_usd\nreq-1,gpt-6-luna,1795600000,"1,000",800,10,0.0015\n',
      {
        requestId: "req-1",
        model: "gpt-6-luna",
        atMs: 1_795_600_000_000,
        nanoUsd: 1_500_000,
        usage: { inputTokens: 1_000, cachedInputTokens: 800, outputTokens: 10 },
      },
    ],
    [
      "as Anthropic's JSON: input does not have what was cached among it",
      JSON.stringify({
        data: [
          {
            id: "req_011",
            model: "claude-opus-5",
            created_at: "2026-11-25T10:00:00Z",
            usage: { input_tokens: 5, cache_read_input_tokens: 90, cache_creation_input_tokens: 10, output_tokens: 7 },
          },
        ],
      }),
      {
        requestId: "req_011",
        usage: { inputTokens: 105, cachedInputTokens: 90, cacheWriteTokens: 10, outputTokens: 7 },
      },
    ],
    [
      "as JSON lines, with nested counts",
      '{"response_id":"r","usage":{"prompt_tokens":3,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":2}},"cost":1e-7}\n\n',
      { requestId: "r", nanoUsd: 100, usage: { inputTokens: 3, cachedInputTokens: 2, outputTokens: 4 } },
    ],
  ])("%s", (_, text, request) => {
    expect(readUsageExport(text)).toMatchObject([request]);
  });

  test.each<[string, string, RegExp]>([
    ["nothing", "  \n", /no requests/],
    ["a head line alone", "request_id,input_tokens,output_tokens\n", /no requests/],
    ["JSON that is cut off", '[{"id":"r"', /line 1 is not JSON/],
    ["no tokens", "request_id,model\nr,m\n", /line 1 has no input and output tokens/],
    [
      "tokens that are none",
      "request_id,input_tokens,output_tokens\nr,many,1\n",
      /line 1: "many" is no number of tokens/,
    ],
    ["less than no tokens", "request_id,input_tokens,output_tokens\nr,1,-1\n", /"-1" is no number of tokens/],
    ["a time that is none", "request_id,input_tokens,output_tokens,time\nr,1,1,yesterday\n", /"yesterday" is no time/],
    ["a cost that is none", "request_id,input_tokens,output_tokens,cost\nr,1,1,free\n", /line 1: its cost/],
    ["lines of different lengths", "a,b\n1,2,3\n", /cannot be read as CSV/],
  ])("and told where it has %s", (_, text, message) => {
    expect(() => readUsageExport(text)).toThrow(message);
  });
});

test("an attempt whose request's id was heard is found by it, and a run that used its workflow id again is left alone", async () => {
  const models = plainModels(async ({ attempt }, signal) => {
    const requestId = `cut-${models.requests.length}`;
    if (attempt === 1) throw new ModelCallFailed("cut", { kind: "retry", billed: "unknown", requestId });
    if (models.requests.length > 2) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return { text: "done" };
  });
  worker = await startAgentWorker({ models });
  const request = { agent: "tester", input: "go", budget: { limitUsd: "1" } };
  const first = await worker.start(request, "used-twice");
  await first.result();
  const second = await worker.start(request, "used-twice");
  await eventually(async () => expect(await second.query("budget")).toMatchObject({ unconfirmedNanoUsd: 1_100_000 }));
  expect(await second.query("budget")).toMatchObject({
    entries: expect.arrayContaining([expect.objectContaining({ kind: "unconfirmed", requestId: "cut-3" })]),
  });
  const folder = await newFolder();
  const environment = { WFLO_PRICES: join(folder, "prices.json") };
  await writeFile(environment.WFLO_PRICES, '{"plain/one":{"inputUsdPerMillion":"1","outputUsdPerMillion":"1"}}');
  await writeFile(join(folder, "export.csv"), list(`cut-1,one,${new Date().toISOString()},900,90`));
  const { document } = await wfloJson(["reconcile", "export.csv"], worker, { folder, environment });
  expect(document).toMatchObject({
    explained: [{ ours: { firstRunId: first.firstExecutionRunId }, outcome: "corrected" }],
  });
  expect(await second.query("budget")).toMatchObject({ unconfirmedNanoUsd: 1_100_000 });
  await eventually(async () =>
    expect(worker?.published.filter(({ value }) => value.includes('"requestId":"cut-3"')).length).toBeGreaterThan(0),
  );
  await writeFile(join(folder, "export.csv"), list(`cut-3,one,${new Date().toISOString()},900,90`));
  const later = await wfloJson(["reconcile", "export.csv"], worker, { folder, environment });
  expect(later.document).toMatchObject({
    explained: [{ ours: { firstRunId: second.firstExecutionRunId }, outcome: "booked" }],
  });
  expect(await second.query("budget")).toMatchObject({ unconfirmedNanoUsd: 0, spentNanoUsd: 990_000 });
  const args: [object] = [{ attempts: [{ attempt: "t1.a1" }, { attempt: "t9.a9" }], by: "ada" }];
  const again = await second.executeUpdate<object, [object]>("reconcile", { args });
  expect(again).toMatchObject({ reconciled: [], spentNanoUsd: 990_000 });
  await second.cancel();
  await expect(second.result()).rejects.toThrow();
}, 60_000);

/** A run whose first attempt is lost while its answer is held back, and whose second is under way or done. */
async function lostRun(first: Promise<void>) {
  const models = plainModels(async () => {
    if (models.requests.length === 1) await first;
    return { text: "done" };
  });
  worker = await startAgentWorker({ models, agent: { modelTimeoutMs: 1_000 } });
  const run = await worker.start({
    agent: "tester",
    input: "go",
    budget: { limitUsd: "0.0016", onExhausted: "pause" },
  });
  await eventually(async () => expect(await run.query("budget")).toMatchObject({ unconfirmedNanoUsd: 1_100_000 }));
  return run;
}

/** The provider's list: an hour around now, and what else it has. */
function list(...lines: string[]): string {
  const at = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();
  const frame = [`before,one,${at(-90)},1,1`, `after,one,${at(90)},1,1`];
  return `${["request_id,model,time,input_tokens,output_tokens", ...frame, ...lines].join("\n")}\n`;
}

test("what a run holds as unconfirmed is freed where the whole list does not have it, and the run goes on", async () => {
  const never = deferred();
  const run = await lostRun(never.promise);
  await eventually(async () => expect(worker?.published.some(({ value }) => value.includes('"lost"'))).toBe(true));
  const folder = await newFolder();
  await writeFile(join(folder, "export.csv"), list());
  const dry = await wfloJson(["reconcile", "export.csv", "--complete", "--dry-run"], worker, { folder });
  expect(dry.document).toMatchObject({ explained: [{ ours: { attempt: "t1.a1" }, outcome: "not booked (dry run)" }] });
  const { stdout, exitCode } = await wflo(["reconcile", "export.csv", "--complete"], worker, { folder });
  // The two lines that frame the list are no requests of ours.
  expect([exitCode, stdout]).toEqual([1, expect.stringMatching(/t1\.a1 +\$0\.0011 +not billed +booked/)]);
  expect(await run.query("budget")).toMatchObject({ unconfirmedNanoUsd: 0 });
  never.resolve();
  expect(await run.result()).toMatchObject({ status: "completed" });
}, 60_000);

test("a run that has ended is corrected by one event, whatever is asked again; what the list says beside it is told", async () => {
  const models = plainModels(() => {
    if (models.requests.length === 1) throw new ModelCallFailed("cut", { kind: "retry", billed: "unknown" });
    return { text: "done" };
  });
  worker = await startAgentWorker({ models });
  const run = await worker.start({ agent: "tester", input: "go", budget: { limitUsd: "1" } });
  const { cost } = await run.result();
  expect(cost).toMatchObject({ confirmedNanoUsd: 1_100_000, unconfirmedNanoUsd: 1_100_000 });
  const folder = await newFolder();
  const now = new Date().toISOString();
  const text = list(`unheard,one,${now},900,90`);
  await writeFile(join(folder, "export.csv"), text);
  const args = ["reconcile", "export.csv", "--complete"];
  const environment = { WFLO_PRICES: join(folder, "prices.json") };
  await writeFile(environment.WFLO_PRICES, '{"plain/one":{"inputUsdPerMillion":"1","outputUsdPerMillion":"1"}}');
  const before = await wfloJson<{ nanoUsd: number; unconfirmedNanoUsd: number }[]>(["cost"], worker);
  expect(before.document).toMatchObject([{ nanoUsd: cost.nanoUsd, unconfirmedNanoUsd: cost.unconfirmedNanoUsd }]);
  const first = await wfloJson(args, worker, { folder, environment });
  expect(first.document).toMatchObject({ explained: [{ theirs: { requestId: "unheard" }, outcome: "corrected" }] });
  const after = await wfloJson(["cost"], worker);
  expect(after.document).toMatchObject([{ unconfirmedNanoUsd: 0, confirmedNanoUsd: cost.confirmedNanoUsd + 990_000 }]);
  const again = await wfloJson(args, worker, { folder, environment });
  expect(again.document).toMatchObject({ explained: [], open: [] });
}, 60_000);

test("a file that is not there, or a wrong time, is told before anything is asked", async () => {
  const folder = await newFolder();
  const missing = await wflo(["reconcile", "none.csv"], undefined, { folder });
  expect(missing).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("none.csv cannot be read") });
  await writeFile(join(folder, "export.csv"), list());
  const wrong = await wflo(["reconcile", "export.csv", "--within", "soon"], undefined, { folder });
  expect(wrong).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("--within") });
});
