import { LRUCache } from "lru-cache";
import type { TriggerDefinition } from "../agents/trigger.js";
import { ClientError, type WfloClient } from "../client/index.js";
import type { FailureType } from "../core/failures.js";
import { triggerAccount, triggeredWorkflowId } from "../core/trigger.js";
import type { Logger } from "../ports/logger.js";

/** What the limits of triggers say to runs that are to be started. */
export interface TriggerAdmission {
  /** Makes the accounts that limits need. */
  open(): Promise<void>;
  /** Resolves where the run may start now. @throws Held where it has to wait */
  admit(trigger: TriggerDefinition, workflowId: string): Promise<void>;
  /** Starts runs that failed again, as often as their triggers say. Answers how many. */
  startAgain(): Promise<number>;
}

/** A run has to wait: for others to end, or for money. */
export class Held extends Error {
  override readonly name = "Held";
}

/** The namespace's index knows a run after moments; until then the process that started it does. In milliseconds. */
const INDEX_LAG_MS = 10_000;
/** An account is asked no more often than this, in milliseconds. */
const BALANCE_AGE_MS = 1_000;
/** Failures further back than this are left alone, in milliseconds. */
const LOOK_BACK_MS = 24 * 60 * 60 * 1_000;
const BY = "wflo triggers";
const HOPELESS_REMEMBERED = 100_000;

export function createTriggerAdmission(
  client: WfloClient,
  triggers: readonly TriggerDefinition[],
  logger: Logger,
): TriggerAdmission {
  const started = new Map<string, number>();
  const hopeless = new LRUCache<string, true>({ max: HOPELESS_REMEMBERED });
  const balances = new Map<string, { readonly at: number; readonly remaining: number }>();
  const queues = new Map<string, Promise<void>>();
  /** One after the other: what is counted for one must count for the next. */
  const inTurn = async (name: string, work: () => Promise<void>) => {
    const mine = (queues.get(name) ?? Promise.resolve()).then(work);
    queues.set(
      name,
      mine.catch(() => undefined),
    );
    await mine;
  };
  const running = async (name: string): Promise<Set<string>> => {
    const now = Date.now();
    for (const [id, at] of started) if (now - at > INDEX_LAG_MS) started.delete(id);
    const prefix = triggeredWorkflowId(name, "");
    const ids = new Set<string>();
    for await (const run of client.list({ idPrefix: prefix, open: true })) ids.add(run.workflowId);
    for (const id of started.keys()) {
      if (!id.startsWith(prefix) || ids.has(id)) continue;
      if (await goesOn(client, id)) ids.add(id);
      else started.delete(id);
    }
    return ids;
  };
  const checkMoney = async (name: string) => {
    const account = triggerAccount(name);
    const known = balances.get(account);
    if (!known || Date.now() - known.at > BALANCE_AGE_MS) {
      const { remainingNanoUsd } = await client.account(account).balance();
      balances.set(account, { at: Date.now(), remaining: remainingNanoUsd });
    }
    const isSpent = (balances.get(account)?.remaining ?? 0) <= 0 || (await someWaitForMoney(client, name));
    if (!isSpent) return;
    throw new Held(
      `trigger ${name} has spent what it may spend today (account ${account}); it goes on at midnight UTC`,
    );
  };
  return {
    async open() {
      for (const { name, limits } of triggers) {
        if (limits.usdPerDay === undefined) continue;
        await client.setAccount(triggerAccount(name), { limitUsd: limits.usdPerDay, period: "day" }, { by: BY });
      }
    },
    async admit({ name, limits }, workflowId) {
      const { concurrency, usdPerDay } = limits;
      if (usdPerDay !== undefined) await checkMoney(name);
      if (concurrency === undefined) return;
      await inTurn(name, async () => {
        const ids = await running(name);
        if (!ids.has(workflowId) && ids.size >= concurrency) {
          throw new Held(`${ids.size} runs of trigger ${name} go on, which is its limit`);
        }
        started.set(workflowId, Date.now());
      });
    },
    async startAgain() {
      let count = 0;
      for (const { name, limits } of triggers) {
        const attempts = limits.attempts ?? 1;
        if (attempts > 1) count += await startFailedAgain(client, { name, attempts, hopeless }, logger);
      }
      return count;
    },
  };
}

/** One that does not fit what is left is enough: the next one would wait beside it. */
async function someWaitForMoney(client: WfloClient, name: string): Promise<boolean> {
  for await (const _run of client.list({ idPrefix: triggeredWorkflowId(name, ""), status: "awaiting_budget" }))
    return true;
  return false;
}

async function goesOn(client: WfloClient, workflowId: string): Promise<boolean> {
  try {
    return (await client.attach(workflowId).summary()).endedAt === undefined;
  } catch (error) {
    // Starting it did not succeed.
    if (error instanceof ClientError && error.kind === "no-such-run") return false;
    throw error;
  }
}

interface Retried {
  readonly name: string;
  readonly attempts: number;
  /** Runs whose failures would come again: they are looked at once. */
  readonly hopeless: LRUCache<string, true>;
}

async function startFailedAgain(
  client: WfloClient,
  { name, attempts, hopeless }: Retried,
  logger: Logger,
): Promise<number> {
  const failed = new Map<string, number>();
  const since = new Date(Date.now() - LOOK_BACK_MS);
  const filter = { idPrefix: triggeredWorkflowId(name, ""), status: "failed", since } as const;
  for await (const { workflowId } of client.list(filter)) failed.set(workflowId, (failed.get(workflowId) ?? 0) + 1);
  let count = 0;
  for (const [workflowId, times] of failed) {
    if (times >= attempts || hopeless.has(workflowId)) continue;
    const handle = client.attach(workflowId);
    const summary = await handle.summary();
    if (summary.status !== "failed") continue;
    const end = await handle.result().catch((error: unknown) => error as { readonly type?: string });
    // What fails whatever the worker does fails again.
    if ("type" in end && HOPELESS.has(String(end.type))) {
      hopeless.set(workflowId, true);
      continue;
    }
    const isStarted = await client.run(await handle.request(), { id: workflowId, again: true }).then(
      () => true,
      (error: { readonly kind?: string }) => {
        // Another process was quicker.
        if (error.kind === "id-taken") return false;
        throw error;
      },
    );
    if (!isStarted) continue;
    count += 1;
    logger.info(`the run ${workflowId} failed and is started again, attempt ${times + 1} of ${attempts}`);
  }
  return count;
}

const HOPELESS: ReadonlySet<string> = new Set<FailureType>([
  "InvalidInput",
  "UnknownAgent",
  "UnknownModel",
  "BudgetExhausted",
]);
