import { afterEach, expect, test } from "@jest/globals";
import type { AuditRecord } from "../../core/audit.js";
import type { LogRecord } from "../../ports/event-log.js";
import { type AgentWorker, startAgentWorker, type TestTool } from "../harness/agent-worker.js";
import { changedBundles } from "../harness/changed-bundle.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

/* Code from a model runs only when the record that it is about to run is on the log. */

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

const bundleOf = changedBundles();
const ran = { exitCode: 0, stdout: "", stderr: "", timedOut: false, truncated: false, durationMs: 1 };
const python: TestTool = { name: "python", kind: "sandbox", settings: { language: "python" } };
const models = plainModels(({ turn }) =>
  turn <= 2 ? { toolCalls: [{ id: `c${turn}`, name: "python", args: { code: "1" } }] } : { text: "done" },
);

/** A log that can be away, and code that notes what was on it when it ran. */
function world() {
  let isAway = false;
  let tries = 0;
  const stored: LogRecord[] = [];
  const seen: string[][] = [];
  const onLog = () =>
    stored.map(({ value }) => JSON.parse(value) as AuditRecord).filter(({ action }) => action === "code.started");
  return {
    setAway: (away: boolean) => {
      isAway = away;
    },
    tries: () => tries,
    /** For each execution, the calls whose start was on the log. */
    seen,
    records: () => [...new Map(stored.map(({ value }) => [value, JSON.parse(value) as AuditRecord])).values()],
    ports: {
      eventLog: {
        async publish(_topic: string, records: readonly LogRecord[]) {
          tries += 1;
          if (isAway) throw new Error("the broker is away");
          stored.push(...records);
        },
        close: async () => {},
      },
      code: async () => {
        seen.push(onLog().map(({ facts }) => String(facts.callId)));
        const workspace = `sha256:${"0".repeat(64)}` as const;
        return { result: { ...ran, backend: "none", files: [] }, workspace, out: {} };
      },
    },
  };
}

test("the record is there before the code", async () => {
  const { ports, seen } = world();
  worker = await startAgentWorker({ models, tools: [python], ...ports });
  const run = await worker.start({ agent: "tester", input: "go" });
  expect((await run.result()).status).toBe("completed");
  expect(seen.map((calls) => [...new Set(calls)])).toEqual([["c1"], ["c1", "c2"]]);
});

test.each([
  ["a record that travels with the call", {}],
  [
    "records that are stored for the time being",
    { file: "workflows/outbox.ts", from: "records: 100", to: "records: 1" },
  ],
])("while the log is away nothing runs, and then everything does: %s", async (_name, change) => {
  const { ports, seen, setAway, tries, records } = world();
  const bundle = "file" in change ? { workflowBundlePath: await bundleOf(change as never) } : {};
  worker = await startAgentWorker({ models, tools: [python], ...ports, ...bundle });
  setAway(true);
  const run = await worker.start({ agent: "tester", input: "go" });
  await eventually(async () => {
    const { pendingActivities } = (await run.describe()).raw;
    expect(pendingActivities?.[0]?.activityType?.name).toBe("publishEvents");
    expect(pendingActivities?.[0]?.lastFailure?.message).toBe("the broker is away");
  });
  const before = tries();
  await eventually(async () => expect(tries()).toBeGreaterThan(before));
  expect(seen).toEqual([]);
  setAway(false);
  const { status, audit } = await run.result();
  expect(status).toBe("completed");
  expect(seen.map((calls) => [...new Set(calls)])).toEqual([["c1"], ["c1", "c2"]]);
  const kept = records().filter(({ hash }) => hash !== undefined);
  expect(kept.map(({ seq }) => seq)).toEqual(Array.from({ length: audit.records }, (_, index) => index + 1));
});
