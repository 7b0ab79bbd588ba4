import { afterEach, expect, test } from "@jest/globals";
import { defaultPayloadConverter } from "@temporalio/common";
import type { History } from "@temporalio/common/lib/proto-utils.js";
import type { GateView } from "../../core/gate.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

test("a turn's steps are one group in Temporal's tools: its model call, its tools, and the timer of its gate", async () => {
  const models = plainModels(({ turn }) =>
    turn === 1 ? { toolCalls: [{ id: "c", name: "deploy", args: {} }] } : { text: "done" },
  );
  worker = await startAgentWorker({
    models,
    tools: [{ name: "deploy", safe: false, execute: async () => "deployed" }],
  });
  const run = await worker.start({ agent: "tester", input: "deploy", approvals: { timeout: "1h" } });
  const gate = await eventually(async () => {
    const [open] = await run.query<GateView[]>("approvals");
    if (!open) throw new Error("no gate yet");
    return open;
  });
  await run.executeUpdate("decideApproval", { args: [{ gate: gate.gate, decision: "approve", by: "ana" }] });
  await run.result();
  expect(groupsOf(await run.fetchHistory())).toEqual([
    ["callModel", ["turn 1"]],
    ["publishEvents", ["turn 1"]],
    ["timer", ["turn 1"]],
    ["tool.deploy", ["turn 1"]],
    ["callModel", ["turn 2"]],
    ["publishEvents", []],
  ]);
});

/** The labels of the groups of each step that a server has in a run's history. */
function groupsOf({ events }: History): readonly (readonly [string, readonly unknown[]])[] {
  return (events ?? []).flatMap((event) => {
    const activity = event.activityTaskScheduledEventAttributes?.activityType?.name;
    const name = activity ?? (event.timerStartedEventAttributes ? "timer" : undefined);
    const labels = (event.eventGroupMarkers ?? []).flatMap(({ label }) =>
      label?.label ? [defaultPayloadConverter.fromPayload(label.label)] : [],
    );
    return name === undefined ? [] : [[name, labels]];
  });
}
