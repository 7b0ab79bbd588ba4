import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import type { WorkflowHandle } from "@temporalio/client";
import { Worker } from "@temporalio/worker";
import { connect, type GateView, readDecisionKey, type WfloClient } from "../../client/index.js";
import { decisionClaims } from "../../core/signed-decision.js";
import { publicDecisionKey, readDeciders, writeDecisionKey } from "../../encryption/decision-keys.js";
import type { Deciders } from "../../ports/deciders.js";
import { type AgentWorker, silentSinks, startAgentWorker } from "../harness/agent-worker.js";
import { temporalAddress, workflowBundlePath } from "../harness/environment.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

/* Gates that take verified decisions only: what counts is signed, over real workers and a real server. */

let folder: string;
let deciders: Deciders;
let worker: AgentWorker | undefined;
let client: WfloClient;
const keyOf = (name: string) => join(folder, `${name}.pem`);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "wflo-signed-"));
  for (const name of ["ana", "ben", "eve"]) writeDecisionKey(keyOf(name));
  const known = ["ana", "ben"].map((name) => publicDecisionKey(keyOf(name), name));
  await writeFile(join(folder, "keys.json"), JSON.stringify({ keys: known }));
  deciders = readDeciders(join(folder, "keys.json"));
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));
afterEach(async () => {
  await client.close();
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

async function asking(approvals: object, known: Deciders | null = deciders) {
  ran.length = 0;
  const models = plainModels(({ turn }) =>
    turn === 1 ? { toolCalls: [{ id: "c1", name: "deploy", args: { to: "host" } }] } : { text: "done" },
  );
  worker = await startAgentWorker({ models, tools: [deploy], ...(known ? { deciders: known } : {}) });
  client = await connect({ environment: {}, address: temporalAddress(), taskQueue: worker.taskQueue });
  const run = await worker.start({
    agent: "tester",
    input: "deploy",
    approvals: { identity: "verified", ...approvals },
  });
  const gate = await eventually(async () => {
    const [open] = await run.query<GateView[]>("approvals");
    if (!open) throw new Error("no gate yet");
    return open;
  });
  return { run, gate, handle: client.attach(run.workflowId) };
}

/** As another client sends it. */
async function signed(run: WorkflowHandle & { firstExecutionRunId: string }, word: object, key = "ana") {
  const said = { gate: "g1", decision: "approve", by: "ana", ...word } as never as Parameters<typeof decisionClaims>[0];
  const place = { workflowId: run.workflowId, firstRunId: run.firstExecutionRunId };
  return { ...said, token: await readDecisionKey(keyOf(key))(decisionClaims(said, place)) };
}
const refused = (reason: string, message: RegExp) => ({
  cause: { message: expect.stringMatching(message), details: [{ reason }] },
});
const decided = async (run: WorkflowHandle, payload: object) =>
  await run.executeUpdate<GateView, [object]>("decideApproval", { args: [payload] });

describe("a gate that takes verified decisions only", () => {
  test("takes one that is signed, and no name that is only said; the audit log says which it was", async () => {
    const { run, gate, handle } = await asking({});
    expect(gate).toMatchObject({ identity: "verified" });
    await expect(handle.approve("g1", { by: "ana", digest: gate.digest })).rejects.toMatchObject({
      reason: "unverified",
    });
    const sign = readDecisionKey(keyOf("ana"));
    const answer = await handle.approve("g1", { by: "ana", digest: gate.digest, comment: "go", sign });
    expect(answer).toMatchObject({ state: "approved", decisions: [{ by: "ana", identity: "verified" }] });
    expect(await run.result()).toMatchObject({ status: "completed" });
    expect(ran).toEqual([{ to: "host" }]);
    const records = (worker as AgentWorker).published.filter(({ topic }) => topic === "wflo.audit");
    const approvals = records
      .map(({ value }) => JSON.parse(value))
      .filter(({ action }) => action === "approval.approve");
    expect(approvals).toEqual([
      expect.objectContaining({ by: "ana", facts: expect.objectContaining({ identity: "verified", comment: "go" }) }),
    ]);
    await Worker.runReplayHistory(
      { workflowBundle: { codePath: workflowBundlePath() }, sinks: silentSinks() },
      await run.fetchHistory(),
      run.workflowId,
    );
  });

  test("takes it as a signal too, as any client may send it", async () => {
    const { run, gate } = await asking({});
    await run.signal("approve", await signed(run, { digest: gate.digest }));
    expect(await run.result()).toMatchObject({ status: "completed" });
  });

  test("takes one with a comment that says nothing, as forms send it", async () => {
    const { run, gate, handle } = await asking({});
    const sign = readDecisionKey(keyOf("ana"));
    await handle.approve("g1", { by: "ana", digest: gate.digest, comment: "", sign });
    expect(await run.result()).toMatchObject({ status: "completed" });
  });

  test("wants the digest named by who signs", async () => {
    const { run, gate, handle } = await asking({});
    const sign = readDecisionKey(keyOf("ana"));
    await expect(handle.approve("g1", { by: "ana", sign })).rejects.toThrow(/digest: has to be named/);
    await handle.reject("g1", { by: "ana", digest: gate.digest, sign });
    expect(await run.result()).toMatchObject({ status: "rejected" });
  });

  test("takes edited arguments that are signed, and runs those", async () => {
    const { run, gate } = await asking({});
    await decided(run, await signed(run, { digest: gate.digest, args: { to: "elsewhere" } }));
    expect(await run.result()).toMatchObject({ status: "completed" });
    expect(ran).toEqual([{ to: "elsewhere" }]);
  });

  test("wants so many different people, each with a key of their own", async () => {
    const { run, gate } = await asking({ quorum: 2 });
    const once = await signed(run, { digest: gate.digest });
    expect(await decided(run, once)).toMatchObject({ state: "pending" });
    await expect(decided(run, once)).rejects.toMatchObject(refused("duplicate", /ana/));
    const bens = { digest: gate.digest, by: "ben" };
    await expect(decided(run, await signed(run, bens, "ana"))).rejects.toMatchObject(
      refused("unverified", /ben's signature on g1 does not count: no key of ben has signed it/),
    );
    expect(await decided(run, await signed(run, bens, "ben"))).toMatchObject({ state: "approved" });
    await run.result();
  });

  test("takes nothing that was signed for something else, or by somebody unknown", async () => {
    const { run, gate } = await asking({ approvers: ["ana", "eve"] });
    const good = await signed(run, { digest: gate.digest });
    const otherRun = { ...run, workflowId: "another-run" } as typeof run;
    const cases: readonly (readonly [object, RegExp])[] = [
      [{ ...good, comment: "and more" }, /its comment is null/],
      [{ ...good, args: { to: "evil" } }, /its args is null/],
      [{ ...good, decision: "reject" }, /its decision is "approve", and the decision's is "reject"/],
      [{ ...good, ...(await signed(otherRun, { digest: gate.digest })) }, /its run is "another-run"/],
      [await signed(run, { digest: gate.digest, by: "eve" }, "eve"), /no key of eve is known here/],
    ];
    for (const [payload, says] of cases) {
      await expect(decided(run, payload)).rejects.toMatchObject(refused("unverified", says));
    }
    const stale = `sha256:${"0".repeat(64)}`;
    await expect(decided(run, await signed(run, { digest: stale }))).rejects.toMatchObject(refused("stale", /by now/));
    await expect(decided(run, { ...good, digest: undefined })).rejects.toMatchObject({
      cause: { message: expect.stringContaining("digest: is missing") },
    });
    expect((await run.query<GateView[]>("approvals"))[0]).toMatchObject({ state: "pending", decisions: [] });
    await decided(run, good);
    await run.result();
  });

  test("says what is missing where workers know no keys", async () => {
    const { run, gate } = await asking({}, null);
    const word = await signed(run, { digest: gate.digest });
    await expect(decided(run, word)).rejects.toMatchObject(refused("unverified", /set WFLO_APPROVER_KEYS/));
    await run.cancel();
    await expect(run.result()).rejects.toThrow();
  });
});

test("a signature that is wrong counts nowhere, also where a name would do", async () => {
  const { run, gate } = await asking({ identity: "asserted" });
  const wrong = await signed(run, { digest: gate.digest }, "eve");
  await expect(decided(run, wrong)).rejects.toMatchObject(refused("unverified", /no key of ana has signed it/));
  await run.signal("approve", wrong);
  expect(await decided(run, { gate: "g1", decision: "approve", by: "ana" })).toMatchObject({
    decisions: [{ identity: "asserted" }],
  });
  await run.result();
});
