import { createBlobs } from "../../activities/blobs.js";
import { createWorkspaces } from "../../activities/workspace.js";
import { createMemoryObjectStore } from "../../adapters/memory/object-store.js";
import type { GateView } from "../../core/gate.js";
import { toNanoUsd } from "../../core/money.js";
import { ModelCallFailed } from "../../ports/models.js";
import { type AgentWorker, startAgentWorker, type TestTool, type TestWorld } from "../harness/agent-worker.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

type Run = Awaited<ReturnType<AgentWorker["start"]>>;

/** A run that is worth replaying: short, and a path through the workflow of its own. */
export interface Scenario {
  readonly name: string;
  readonly world: () => TestWorld;
  readonly input: object;
  /** What people do meanwhile. */
  readonly act?: (run: Run) => Promise<void>;
  /** Ends without a result. */
  readonly fails?: true;
  /** An account that pays; its own history is kept too, as `NAME-books`. */
  readonly account?: object;
  /** Needs a server that suggests a new history early. */
  readonly manyHistories?: true;
}

const noop: TestTool = { name: "noop", execute: async () => "done" };
const ask: TestTool = { name: "ask", kind: "human" };
const calls = (turns: number, ...names: readonly string[]) =>
  plainModels(({ turn }) =>
    turn < turns
      ? { toolCalls: names.map((name) => ({ id: `c${turn}-${name}`, name, args: { turn } })) }
      : { text: "done" },
  );
const untilAsked = async (run: Run, gate: string) =>
  await eventually(async () => expectAsked(await run.query<GateView[]>("approvals"), gate));

function expectAsked(gates: readonly GateView[], gate: string): void {
  if (!gates.some((one) => one.gate === gate && one.state === "pending")) throw new Error(`${gate} is not open yet`);
}

export const SCENARIOS: readonly Scenario[] = [
  { name: "plain", world: () => ({ models: calls(1) }), input: { labels: { team: "search" } } },
  {
    name: "tools",
    world: () => {
      const store = createMemoryObjectStore();
      const workspaces = createWorkspaces(createBlobs(store));
      const code: TestWorld["code"] = async () => {
        const workspace = await workspaces.save([{ path: "out/a.txt", content: new TextEncoder().encode("a") }]);
        const ran = { exitCode: 0, stdout: "", stderr: "", timedOut: false, truncated: false, durationMs: 1 };
        return { result: { ...ran, backend: "none", files: [] }, workspace, out: await workspaces.out(workspace) };
      };
      const python: TestTool = { name: "python", kind: "sandbox", settings: { language: "python" } };
      const local: TestTool = { name: "local", kind: "local", execute: async () => "x".repeat(20_000) };
      return { models: calls(3, "noop", "local", "python", "unknown"), store, code, tools: [noop, local, python] };
    },
    input: { files: { "a.csv": "1" }, budget: { limitUsd: "1", softLimitUsd: "0.001" } },
  },
  {
    name: "gates",
    world: () => ({ models: calls(3, "ask", "deploy"), tools: [ask, { ...noop, name: "deploy", safe: false }] }),
    input: { approvals: { timeout: "1h", approvers: ["ana", "ben"], quorum: 1 } },
    async act(run) {
      await untilAsked(run, "g2");
      await run.signal("approve", { gate: "g1", by: "ana", comment: "yes" });
      const word = { gate: "g2", decision: "approve", by: "ben", args: { turn: 7 } };
      await run.executeUpdate("decideApproval", { args: [word] });
      await untilAsked(run, "g4");
      await run.signal("approve", { gate: "g3", by: "mallory" });
      await run.signal("approve", { gate: "g3", by: "ana" });
      await run.signal("reject", { gate: "g4", by: "ben", comment: "not today" });
    },
  },
  {
    name: "budget-pause-and-top-up",
    world: () => ({ models: calls(3, "noop"), tools: [noop] }),
    input: { budget: { limitUsd: "0.0011", onExhausted: "pause" } },
    async act(run) {
      for (const id of ["first", "second"]) {
        await eventually(async () => {
          const { state } = await run.query<{ state: string }>("status");
          if (state !== "awaiting_budget") throw new Error("it has money still");
        });
        await run.executeUpdate("addBudget", { args: [{ addUsd: "0.0011", by: "ana", id }] });
      }
    },
  },
  {
    name: "pause-messages-and-lost-attempts",
    world: () => {
      const models = plainModels(async ({ turn }, signal) => {
        if (models.requests.length === 1) throw new ModelCallFailed("cut", { kind: "retry", billed: "unknown" });
        if (models.requests.length > 2) return { text: `answer ${turn}` };
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
        throw new ModelCallFailed("paused", { kind: "cancelled", billed: "unknown" });
      });
      return { models };
    },
    input: {},
    async act(run) {
      await eventually(async () => {
        const { entries } = await run.query<{ entries: object[] }>("budget");
        if (entries.length < 3) throw new Error("the second attempt has not begun");
      });
      await run.signal("message", { text: "x".repeat(20_000), by: "ana", id: "long" });
      await run.signal("pause", { by: "ana" });
      await eventually(async () => {
        const { state } = await run.query<{ state: string }>("status");
        if (state !== "paused") throw new Error("it is not paused yet");
      });
      await run.executeUpdate("sendMessage", { args: [{ text: "short", id: "short" }] });
      await run.signal("resume", { by: "ana" });
    },
  },
  {
    name: "cancel",
    world: () => ({ models: calls(2, "noop", "ask"), tools: [noop, ask] }),
    input: {},
    fails: true,
    async act(run) {
      await untilAsked(run, "g1");
      await run.cancel();
    },
  },
  {
    name: "broker-away",
    world: () => {
      const eventLog = { publish: async () => await Promise.reject(new Error("away")), close: async () => {} };
      return { models: calls(3, "noop"), tools: [noop], eventLog };
    },
    input: {},
  },
  {
    name: "account-top-up-and-gate",
    world: () => ({ models: calls(3, "ask"), tools: [ask] }),
    account: { limitUsd: "0.0012", period: "total" },
    input: { budget: { onExhausted: "pause" } },
    async act(run) {
      await untilAsked(run, "g1");
      await run.signal("approve", { gate: "g1", by: "ana", comment: "yes" });
      await eventually(async () => {
        const { state } = await run.query<{ state: string }>("status");
        if (state !== "awaiting_budget") throw new Error("it has money still");
      });
      const account = run.client.getHandle(ACCOUNT_WORKFLOW);
      await account.executeUpdate("addBudget", { args: [{ addUsd: "1", by: "ana", id: "first" }] });
      await untilAsked(run, "g2");
      await account.executeUpdate("freeze", { args: [{ by: "ana" }] });
      await run.signal("approve", { gate: "g2", by: "ana", comment: "yes" });
      await account.executeUpdate("unfreeze", { args: [{ by: "ana" }] });
    },
  },
  {
    name: "tool-that-costs",
    world: () => ({
      models: calls(3, "search"),
      tools: [{ name: "search", maxCostNanoUsd: toNanoUsd(2_000_000), execute: async () => ({ costUsd: "0.001" }) }],
    }),
    input: { budget: { limitUsd: "1" } },
  },
  { name: "unknown-agent", world: () => ({ models: calls(1) }), input: { agent: "nobody" }, fails: true },
  {
    name: "continue-as-new",
    world: () => ({ models: calls(14, "noop"), tools: [noop] }),
    input: { limits: { wallTime: "1h" } },
    manyHistories: true,
    async act(run) {
      await run.signal("message", { text: "hello", id: "hello" });
    },
  },
];

const ACCOUNT = "replayed";

/** The id of the account's workflow. */
export const ACCOUNT_WORKFLOW = `budget:${ACCOUNT}`;

async function openAccount({ client, taskQueue }: AgentWorker, terms: object): Promise<void> {
  const args = [{ account: ACCOUNT, ...terms }];
  await client.workflow.start("budgetAccount", { taskQueue, workflowId: ACCOUNT_WORKFLOW, args });
}

/** Plays a scenario on a server to its end. */
export async function play(scenario: Scenario, address?: string): Promise<{ worker: AgentWorker; run: Run }> {
  const worker = await startAgentWorker({ ...scenario.world(), ...(address ? { address } : {}) });
  const input = { agent: "tester", input: "go", ...scenario.input };
  if (scenario.account) await openAccount(worker, scenario.account);
  const run = await worker.start(scenario.account ? { ...input, account: ACCOUNT } : input, `replay-${scenario.name}`);
  await scenario.act?.(run);
  const ended = run.result();
  await (scenario.fails ? ended.catch(() => undefined) : ended);
  return { worker, run };
}
