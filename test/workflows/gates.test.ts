import { afterEach, describe, expect, test } from "@jest/globals";
import type { WorkflowHandle } from "@temporalio/client";
import type { GateView } from "../../core/gate.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

const ran: unknown[] = [];
const deploy = {
  name: "deploy",
  safe: false,
  execute: async (args: object) => {
    ran.push(args);
    return "deployed";
  },
};
const asking = (count = 1) =>
  plainModels(({ turn, messages }) =>
    turn === 1
      ? {
          toolCalls: Array.from({ length: count }, (_, n) => ({
            id: `c${n}`,
            name: "deploy",
            args: { to: `host${n}` },
          })),
        }
      : { text: JSON.stringify(messages.at(-1)?.toolResults ?? null) },
  );

async function startAsking(approvals: object = {}, count = 1): Promise<WorkflowHandle> {
  ran.length = 0;
  worker = await startAgentWorker({ models: asking(count), tools: [deploy] });
  const run = await worker.start({ agent: "tester", input: "deploy", approvals });
  await eventually(async () => expect(await gatesOf(run)).toHaveLength(count));
  return run;
}

const gatesOf = async (run: WorkflowHandle) => await run.query<GateView[]>("approvals");
const decide = async (run: WorkflowHandle, word: object) =>
  await run.executeUpdate<GateView, [object]>("decideApproval", { args: [word] });
const refusal = (reason: string) => ({ cause: { details: [{ reason }] } });

describe("a gate", () => {
  test("holds a tool that is not marked safe, and what was approved is what runs", async () => {
    const run = await startAsking();
    const [gate] = await gatesOf(run);
    expect(gate).toMatchObject({ tool: "deploy", args: { to: "host0" }, state: "pending", quorum: 1 });
    expect(ran).toEqual([]);
    await decide(run, { gate: gate?.gate, decision: "approve", by: "ana", digest: gate?.digest });
    expect(await run.result()).toMatchObject({ status: "completed" });
    expect(ran).toEqual([{ to: "host0" }]);
  });

  test("that is rejected ends the run as rejected, with who and why", async () => {
    const run = await startAsking();
    await run.signal("reject", { gate: "g1", by: "ana", comment: "not on a Friday" });
    expect(await run.result()).toMatchObject({
      status: "rejected",
      stopReason: "g1 (deploy) was rejected by ana: not on a Friday",
    });
    expect(ran).toEqual([]);
  });

  test("runs the arguments that an approver edited", async () => {
    const run = await startAsking();
    await decide(run, { gate: "g1", decision: "approve", by: "ana", args: { to: "staging" } });
    await run.result();
    expect(ran).toEqual([{ to: "staging" }]);
  });

  test("needs its quorum of different people, and tells who decided twice", async () => {
    const run = await startAsking({ quorum: 2, approvers: ["ana", "ben", "cem"] });
    expect(await decide(run, { gate: "g1", decision: "approve", by: "ana" })).toMatchObject({ state: "pending" });
    await expect(decide(run, { gate: "g1", decision: "approve", by: "ana" })).rejects.toMatchObject(
      refusal("duplicate"),
    );
    await expect(decide(run, { gate: "g1", decision: "approve", by: "eve" })).rejects.toMatchObject(
      refusal("not-allowed"),
    );
    expect(await decide(run, { gate: "g1", decision: "approve", by: "cem" })).toMatchObject({ state: "approved" });
    await expect(decide(run, { gate: "g1", decision: "reject", by: "ben" })).rejects.toBeDefined();
    expect(await run.result()).toMatchObject({ status: "completed" });
  });

  test("refuses unknown gates, wrong payloads and stale digests, and stays open", async () => {
    const run = await startAsking();
    await expect(decide(run, { gate: "g9", decision: "approve", by: "ana" })).rejects.toMatchObject(refusal("unknown"));
    await expect(decide(run, { gate: "g1", decision: "yes", by: "ana" })).rejects.toMatchObject(refusal("invalid"));
    await expect(
      decide(run, { gate: "g1", decision: "approve", by: "ana", digest: `sha256:${"0".repeat(64)}` }),
    ).rejects.toMatchObject(refusal("stale"));
    await run.signal("approve", "nonsense");
    expect(await gatesOf(run)).toMatchObject([{ state: "pending", decisions: [] }]);
    await run.signal("approve", { gate: "g1", by: "ana" });
    expect(await run.result()).toMatchObject({ status: "completed" });
  });

  test("expires as the policy says: rejected, approved, or escalated to others", async () => {
    const rejected = await startAsking({ timeout: "300ms" });
    expect(await rejected.result()).toMatchObject({
      status: "rejected",
      stopReason: "nobody decided on g1 (deploy) in time",
    });
    await worker?.stop();
    const approved = await startAsking({ timeout: "300ms", onTimeout: "approve" });
    expect(await approved.result()).toMatchObject({ status: "completed" });
    await worker?.stop();
    const escalated = await startAsking({
      timeout: "20s",
      onTimeout: "escalate",
      escalateTo: ["lead"],
      approvers: ["ana"],
    });
    expect(await gatesOf(escalated)).toMatchObject([{ approvers: ["ana"] }]);
    await escalated.terminate();
  });

  test("is one of several that are open at once, each decided on its own", async () => {
    const run = await startAsking({}, 3);
    for (const gate of ["g3", "g1", "g2"]) await decide(run, { gate, decision: "approve", by: "ana" });
    expect(await run.result()).toMatchObject({ status: "completed" });
    expect(ran).toHaveLength(3);
  });
});
