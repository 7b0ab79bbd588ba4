import { beforeAll, describe, expect, test } from "@jest/globals";
import { Worker } from "@temporalio/worker";
import { silentSinks } from "../harness/agent-worker.js";
import { changedBundles } from "../harness/changed-bundle.js";
import { workflowBundlePath } from "../harness/environment.js";
import { historiesOf } from "../harness/histories.js";
import { startOwnServer } from "../harness/own-server.js";
import { keepHistory, keptHistories } from "./history-files.js";
import { ACCOUNT_WORKFLOW, play, SCENARIOS } from "./scenarios.js";

/*
 * Runs that began under an earlier version go on under this one: their histories are kept, and replayed against the
 * workflows as they are. A change that fails here would leave such runs stuck. Make it with `patched`, or start the new
 * way with new runs only; a new path through the workflow is a new scenario, recorded with
 *
 *   WFLO_RECORD_HISTORIES=on npx jest test/replay      (all anew: only before a first release, or NAME,NAME for some)
 */

const recorded = process.env.WFLO_RECORD_HISTORIES ?? "";

beforeAll(async () => {
  const wanted = SCENARIOS.filter(({ name }) => recorded === "on" || recorded.split(",").includes(name));
  if (wanted.length === 0) return;
  const server = await startOwnServer({ dynamic: ["limit.historyCount.suggestContinueAsNew=50"] });
  for (const scenario of wanted) {
    const { worker, run } = await play(scenario, scenario.manyHistories ? server.address : undefined);
    const histories = await historiesOf(worker.client, run.workflowId, run.firstExecutionRunId);
    for (const [at, { history }] of histories.entries()) {
      await keepHistory(histories.length === 1 ? scenario.name : `${scenario.name}-${at + 1}`, history);
    }
    if (scenario.account) {
      const account = worker.client.workflow.getHandle(ACCOUNT_WORKFLOW);
      await keepHistory(`${scenario.name}-books`, await account.fetchHistory());
      await account.terminate("recorded");
    }
    await worker.stop();
  }
  await server.stop();
}, 300_000);

/** The histories that do not fit, by name, and why. */
async function replayed(codePath: string): Promise<Readonly<Record<string, string>>> {
  const problems: Record<string, string> = {};
  const kept = await keptHistories();
  const histories = kept.map(({ name, history }) => ({ workflowId: idOf(name), history }));
  const options = { workflowBundle: { codePath }, sinks: silentSinks() };
  for await (const { workflowId, error } of Worker.runReplayHistories(options, histories)) {
    if (error) problems[workflowId] = `${error.name}: ${error.message}`;
  }
  expect(kept.length).toBeGreaterThanOrEqual(SCENARIOS.length);
  return problems;
}

/** An account looks at its own id; for the others the name says which it is. */
function idOf(name: string): string {
  return name.endsWith("-books") ? ACCOUNT_WORKFLOW : name;
}

test("every scenario has its history", async () => {
  const names = (await keptHistories()).map(({ name }) => name.replace(/-(\d+|books)$/, ""));
  expect(new Set(names)).toEqual(new Set(SCENARIOS.map(({ name }) => name)));
});

test("the histories of runs that began earlier replay against the workflows as they are", async () => {
  expect(await replayed(workflowBundlePath())).toEqual({});
});

describe("an incompatible change is noticed:", () => {
  const bundleWith = changedBundles();

  test.each<[string, string, string, string, readonly string[]]>([
    [
      "a step more before each call",
      "workflows/agent-run.ts",
      "await tendOutbox(run);",
      "await sleep(1); await tendOutbox(run);",
      ["plain", "tools", "gates", "budget-pause-and-top-up", "cancel", "continue-as-new-2"],
    ],
    [
      "a tool's activity under another name",
      "workflows/calls.ts",
      "const type = `tool.$",
      "const type = `tools/$",
      ["tools", "gates", "continue-as-new-1"],
    ],
  ])("%s", async (_name, file, from, to, broken) => {
    const problems = await replayed(await bundleWith({ file, from, to }));
    expect(Object.keys(problems)).toEqual(expect.arrayContaining([...broken]));
    for (const one of broken) expect(problems[one]).toMatch(/^DeterminismViolationError/);
    expect(Object.keys(problems)).not.toContain("unknown-agent");
  });
});
