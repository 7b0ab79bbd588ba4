import { ApplicationFailure, CancelledFailure, Context } from "@temporalio/activity";
import type {
  AgentActivities,
  ModelCallRequest,
  PublishRequest,
  StoreActivities,
  ToolActivity,
  ToolCallRequest,
} from "../core/activity-contract.js";
import type { ToolPolicy } from "../core/agent.js";
import { accountFor, executionStatus, findAccounts, lookAfterHolders } from "./accounts.js";
import { type CallModelPorts, callModel } from "./call-model.js";
import { toApplicationFailure } from "./failures.js";
import { type PublishPorts, publish } from "./publish-events.js";
import { isQueueServed } from "./queue-served.js";
import { type ResolveAgentPorts, resolveAgent } from "./resolve-agent.js";
import { type RunToolPorts, runTool } from "./run-tool.js";
import { createStoreActivities, type StorePorts } from "./store-activities.js";

/** Everything that the activities are made of. */
export interface ActivityPorts
  extends CallModelPorts,
    Omit<ResolveAgentPorts, "findAccount">,
    RunToolPorts,
    PublishPorts,
    Pick<StorePorts, "deciders"> {}

/** The activities by queue. */
export interface Activities {
  /** For the agents' queue: contract activities and `tool.NAME` of every tool that is no sandbox tool. */
  readonly agents: AgentActivities & StoreActivities & Record<string, ToolActivity>;
  /** For the sandbox queue: `tool.NAME` of the sandbox tools. */
  readonly sandbox: Record<string, ToolActivity>;
}

/** Heartbeats go out this often; the worker's throttle decides what reaches the server. */
const HEARTBEAT_EVERY_MS = 500;

/** A slow broker holds an answer up no longer than this; what it has not acknowledged goes out again with the next call. */
const PUBLISH_PATIENCE_MS = 100;

/** Makes the activities of a worker that offers these tools. */
export function createActivities(ports: ActivityPorts, tools: readonly ToolPolicy[]): Activities {
  const tool: ToolActivity = async (request) =>
    await attended(async (context) => await toolCall(ports, request, context));
  const named = (kinds: readonly string[]) =>
    Object.fromEntries(tools.filter(({ kind }) => kinds.includes(kind)).map(({ name }) => [`tool.${name}`, tool]));
  const contract: AgentActivities & StoreActivities = {
    ...attendedEach(createStoreActivities(ports)),
    resolveAgent: async (request) =>
      await attended(async (context) => {
        const findAccount = async (account: string) => await accountFor(context, account);
        return await resolveAgent({ ...ports, findAccount }, request);
      }),
    callModel: async (request) => await attended(async (context) => await modelCall(ports, request, context)),
    publishEvents: async (request) =>
      await attended(async (context) => {
        const work = publishAll(ports, request);
        // A broker that does not answer holds no worker up that stops.
        await Promise.race([work, context.cancelled]);
      }),
    findAccounts: async (request) => await attended(async (context) => await findAccounts(context, request)),
    lookAfterHolders: async (holders) => await attended(async (context) => await lookAfterHolders(context, holders)),
    isQueueServed: async (queue) => await attended(async (context) => await isQueueServed(context, queue)),
    storeReady: async () =>
      await attended(async (context) => {
        await ports.blobs.put(`wflo: is the store there? ${workflowIdOf(context)} ${ports.now().toISOString()}`);
      }),
  };
  return {
    agents: { ...contract, ...named(["activity", "local"]) } as Activities["agents"],
    sandbox: named(["sandbox"]),
  };
}

/**
 * Tried again for as long as the broker is away, whatever its client throws.
 * @param mayRetry false: the run waits for the broker in another step
 */
async function publishAll(ports: ActivityPorts, request: PublishRequest, { mayRetry = true } = {}): Promise<void> {
  try {
    await publish(ports, request);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const told = { message: message.slice(0, 1_000), type: "EventLogUnavailable", nonRetryable: !mayRetry };
    throw ApplicationFailure.create(told);
  }
}

function workflowIdOf({ info }: Context): string {
  return info.workflowExecution?.workflowId ?? "";
}

async function modelCall(ports: ActivityPorts, request: ModelCallRequest, context: Context) {
  const workflowId = workflowIdOf(context);
  const published = request.outbox.length > 0 ? publishBeside(ports, context, request) : undefined;
  const cut = cutSignal(context);
  const runId = context.info.workflowExecution?.runId ?? "";
  const namespace = context.info.workflowNamespace ?? context.info.namespace;
  const facts = { namespace, workflowId, runId, activityAttempt: context.info.attempt, cut };
  const result = await callModel(ports, request, facts);
  const publishedSeq = published && (await within(PUBLISH_PATIENCE_MS, published));
  return publishedSeq === undefined || result.kind === "cut" ? result : { ...result, publishedSeq };
}

/** The run's records travel beside its model calls: a broker that is away delays them and never the run. */
async function publishBeside(
  ports: ActivityPorts,
  context: Context,
  request: ModelCallRequest,
): Promise<number | undefined> {
  const { workflowNamespace: namespace = "" } = context.info;
  const source = { namespace, workflowId: workflowIdOf(context), firstRunId: request.firstRunId };
  try {
    await publish(ports, { source, records: request.outbox });
    return request.outbox.at(-1)?.seq;
  } catch {
    return undefined;
  }
}

/** What comes in time; else undefined. The timer keeps no process alive, and does not wake one up for nothing. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms).unref();
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function toolCall(ports: ActivityPorts, request: ToolCallRequest, context: Context) {
  return await runTool(ports, request, {
    workflowId: workflowIdOf(context),
    runId: context.info.workflowExecution?.runId ?? "",
    activityAttempt: context.info.attempt,
    signal: context.cancellationSignal,
    isCancelled: () => context.cancellationDetails?.cancelRequested === true,
    journalled: !context.info.isLocal,
    publish: async (firstRunId, unlogged) => {
      const { workflowNamespace: namespace = "" } = context.info;
      const source = { namespace, workflowId: workflowIdOf(context), firstRunId };
      await publishAll(ports, { source, ...unlogged }, { mayRetry: false });
    },
  });
}

/** So long an answer is waited for that nobody waits for any more, in milliseconds. */
const ANSWER_ON_ITS_WAY_MS = 60_000;

/**
 * Aborted when the run itself wants the call to end, or is no more. Not on a time-out or a lost activity: the answer is on
 * its way and paid for, so it is waited for and journalled, and a successor joins.
 */
function cutSignal(context: Context): AbortSignal {
  const controller = new AbortController();
  context.cancelled.catch(async () => {
    const details = context.cancellationDetails;
    const wanted = !details || details.cancelRequested || details.workerShutdown || details.paused;
    if (wanted || !(await isRunning(context))) controller.abort();
    else setTimeout(() => controller.abort(), ANSWER_ON_ITS_WAY_MS).unref();
  });
  return controller.signal;
}

/** The server forgets an attempt that has timed out and one whose run was terminated alike: only the run tells them apart. */
async function isRunning(context: Context): Promise<boolean> {
  try {
    return (await executionStatus(context.client, workflowIdOf(context))) === "RUNNING";
  } catch {
    return true;
  }
}

/** Heartbeats while the work goes on, and translates what it throws. */
async function attended<T>(work: (context: Context) => Promise<T>): Promise<T> {
  const context = Context.current();
  const beat = context.info.isLocal ? undefined : setInterval(() => context.heartbeat(), HEARTBEAT_EVERY_MS);
  try {
    return await work(context);
  } catch (error) {
    const failure = toApplicationFailure(error, context.info.attempt);
    if (!context.cancellationDetails?.cancelRequested) throw failure;
    const details = failure instanceof ApplicationFailure ? (failure.details ?? []) : [];
    throw new CancelledFailure("the run was cancelled", [...details]);
  } finally {
    clearInterval(beat);
  }
}

/** The same for activities that need no context. */
function attendedEach(activities: StoreActivities): StoreActivities {
  const wrapped = Object.entries(activities).map(([name, activity]: [string, (input: never) => Promise<unknown>]) => [
    name,
    async (input: never) => await attended(async () => await activity(input)),
  ]);
  return Object.fromEntries(wrapped) as StoreActivities;
}
