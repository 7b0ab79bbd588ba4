import { randomUUID } from "node:crypto";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { WorkflowHandle } from "@temporalio/client";
import { Worker } from "@temporalio/worker";
import type { GateView } from "../../core/gate.js";
import type { ModelAnswer } from "../../ports/models.js";
import { silentSinks, type TestTool } from "../harness/agent-worker.js";
import { deferred } from "../harness/deferred.js";
import { workflowBundlePath } from "../harness/environment.js";
import { eventually } from "../harness/eventually.js";
import { plainHistory, typesOf } from "../harness/histories.js";
import { plainModels } from "../harness/plain-models.js";
import { startHalves, type WorkerHalves } from "../harness/worker-halves.js";

/*
 * Who sees a gate in a query may be quicker than the run: the server has the answer that opens the gate, no worker has
 * told the run yet. The decision then reaches the run in one workflow task with that answer, and before it: the SDK hands
 * out a task's signals and updates first.
 */

let halves: WorkerHalves | undefined;
afterEach(async () => {
  await halves?.stop();
  halves = undefined;
});

const ran: unknown[] = [];
const deploy: TestTool = {
  name: "deploy",
  safe: false,
  execute: async (args) => {
    ran.push(args);
    return "deployed";
  },
};
const look: TestTool = { name: "look", execute: async () => "seen" };

/** A run to which people `speak` while the answer to its first question is there, and it has not seen it yet. */
async function beforeItSees<T>(answer: Partial<ModelAnswer>, speak: (run: WorkflowHandle) => Promise<T>, input = {}) {
  ran.length = 0;
  const first = deferred<Partial<ModelAnswer>>();
  const models = plainModels(async ({ turn }) => (turn === 1 ? await first.promise : { text: "done" }));
  halves = await startHalves({ models, tools: [deploy, look] });
  const run = await halves.start({ agent: "tester", input: "go", ...input });
  await eventually(() => expect(models.requests).toHaveLength(1));
  const said = await halves.inOneTask(async () => {
    first.resolve(answer);
    await eventually(async () => expect((await typesIn(run)).filter(isAnswered)).toHaveLength(1));
    return await speak(run);
  });
  return { run, said };
}

function audit(): readonly { action: string; by?: string }[] {
  const records = halves?.published.filter(({ topic }) => topic === "wflo.audit") ?? [];
  return records.map(({ value }) => JSON.parse(value));
}

const typesIn = async (run: WorkflowHandle) =>
  typesOf(plainHistory(await run.fetchHistory(), { enums: String }).events);
const ACCEPTED = "WORKFLOW_EXECUTION_UPDATE_ACCEPTED";
const isAnswered = (type: string) => type === "ACTIVITY_TASK_COMPLETED";

/** Calls of a tool that asks people, with arguments of so many bytes. */
const deploying = (count = 1, bytes = 1) => ({
  toolCalls: Array.from({ length: count }, (_, n) => ({
    id: `c${n}`,
    name: "deploy",
    args: { to: "x".repeat(bytes) },
  })),
});

/** Says a word as an update, and waits until the server has it; what becomes of the word is for later. */
async function decide(run: WorkflowHandle, word: object) {
  const updateId = randomUUID();
  const args: [object] = [{ decision: "approve", by: "ana", ...word }];
  const outcome = run.executeUpdate<GateView, [object]>("decideApproval", { args, updateId });
  outcome.catch(() => undefined);
  await eventually(async () => {
    const { workflowService, options } = run.client;
    const updateRef = { workflowExecution: { workflowId: run.workflowId }, updateId };
    await workflowService.pollWorkflowExecutionUpdate({ namespace: options.namespace, updateRef });
  });
  return { outcome };
}

const refusal = (reason: string) => ({ cause: { type: "Refused", details: [{ reason }] } });

describe("a decision that reaches a run together with the answer that opens its gate", () => {
  test("is taken as an update, by a run that replays too, and costs no timer", async () => {
    const { run, said } = await beforeItSees(deploying(), async (asked) => await decide(asked, { gate: "g1" }));
    expect(await said.outcome).toMatchObject({ gate: "g1", state: "approved" });
    expect(await run.result()).toMatchObject({ status: "completed" });
    expect(ran).toHaveLength(1);
    // From the answer to the start of the tool: one task, that is to say the word came with the answer; and no timer.
    const types = await typesIn(run);
    const answered = types.findLastIndex((type, at) => isAnswered(type) && at < types.indexOf(ACCEPTED));
    const started = types.indexOf("ACTIVITY_TASK_STARTED", answered);
    const told = types.slice(answered, started).filter((type) => /TIMER|TASK_STARTED/.test(type));
    expect(told).toEqual(["WORKFLOW_TASK_STARTED"]);
    const replay = { workflowBundle: { codePath: workflowBundlePath() }, sinks: silentSinks() };
    await Worker.runReplayHistory(replay, await run.fetchHistory(), run.workflowId);
  });

  test.each<[string, string, object, number]>([
    ["approves", "approve", { status: "completed" }, 1],
    ["rejects", "reject", { status: "rejected", stopReason: "g1 (deploy) was rejected by ana: no" }, 0],
  ])("is taken as a signal that %s", async (_, name, result, times) => {
    const word = { gate: "g1", by: "ana", comment: "no" };
    const { run } = await beforeItSees(deploying(), async (asked) => await asked.signal(name, word));
    expect(await run.result()).toMatchObject(result);
    expect(ran).toHaveLength(times);
  });

  test("is taken where the answer is too large to travel, and is loaded first", async () => {
    const speak = async (asked: WorkflowHandle) => [
      await decide(asked, { gate: "g3" }),
      await decide(asked, { gate: "g1" }),
    ];
    const { run, said } = await beforeItSees(deploying(3, 9_000), speak);
    for (const { outcome } of said) expect(await outcome).toMatchObject({ state: "approved" });
    await run.signal("approve", { gate: "g2", by: "ana" });
    expect(await run.result()).toMatchObject({ status: "completed" });
    expect(ran).toHaveLength(3);
  });

  test("counts in its order, and by the rules of the gate that it is about", async () => {
    const speak = async (asked: WorkflowHandle) => {
      await asked.signal("approve", { gate: "g1", by: "eve" });
      await asked.signal("approve", { gate: "g1", by: "ana" });
      const twice = await decide(asked, { gate: "g1" });
      return [twice, await decide(asked, { gate: "g1", by: "ben" }), await decide(asked, { gate: "g1", by: "cem" })];
    };
    const approvals = { quorum: 2, approvers: ["ana", "ben", "cem"] };
    const { run, said } = await beforeItSees(deploying(), speak, { approvals });
    const [twice, second, third] = said;
    await expect(twice?.outcome).rejects.toMatchObject(refusal("duplicate"));
    expect(await second?.outcome).toMatchObject({ state: "approved", decisions: [{ by: "ana" }, { by: "ben" }] });
    await expect(third?.outcome).rejects.toMatchObject(refusal("closed"));
    await run.result();
    const refused = { action: "command.refused", by: "eve" };
    await eventually(() => expect(audit()).toContainEqual(expect.objectContaining(refused)));
  });
});

describe("a word on a gate that does not open", () => {
  const looking = { toolCalls: [{ id: "c", name: "look", args: {} }] };

  test.each<[string, Partial<ModelAnswer>, string]>([
    ["because the model asks for nothing that people decide on", looking, "g1"],
    ["because the run ends", { text: "done" }, "g1"],
    ["because it asks for fewer", deploying(1), "g2"],
  ])("%s is refused as unknown, and the run goes on", async (_, answer, gate) => {
    const { run, said } = await beforeItSees(answer, async (asked) => {
      await asked.signal("reject", { gate, by: "ana" });
      return await decide(asked, { gate });
    });
    await expect(said.outcome).rejects.toMatchObject(refusal("unknown"));
    if (answer.toolCalls?.[0]?.name === "deploy") await run.signal("approve", { gate: "g1", by: "ana" });
    expect(await run.result()).toMatchObject({ status: "completed" });
  });

  test("is refused at once, without a trace, where no gate can open now or none has such a name", async () => {
    const { run } = await beforeItSees(deploying(), async () => undefined);
    await eventually(async () => expect(await run.query<GateView[]>("approvals")).toHaveLength(1));
    for (const gate of ["g2", "g0", "g01", "deploy"]) {
      const args: [object] = [{ gate, decision: "approve", by: "ana" }];
      await expect(run.executeUpdate("decideApproval", { args })).rejects.toMatchObject(refusal("unknown"));
    }
    expect(await typesIn(run)).not.toContain(ACCEPTED);
    await run.terminate();
  });
});
