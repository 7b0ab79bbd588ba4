import { CancelledFailure, Context } from "@temporalio/activity";
import type {
  AgentActivities,
  ModelCallRequest,
  StoreActivities,
  ToolActivity,
  ToolCallRequest,
} from "../core/activity-contract.js";
import type { ToolPolicy } from "../core/agent.js";
import { type CallModelPorts, callModel } from "./call-model.js";
import { toApplicationFailure } from "./failures.js";
import { type PublishPorts, publishRecords } from "./publish-events.js";
import { type ResolveAgentPorts, resolveAgent } from "./resolve-agent.js";
import { type RunToolPorts, runTool } from "./run-tool.js";

/** Everything that the activities are made of. */
export interface ActivityPorts extends CallModelPorts, ResolveAgentPorts, RunToolPorts, PublishPorts {}

/** The activities by queue. */
export interface Activities {
  /** For the agents' queue: contract activities and `tool.NAME` of every tool that is no sandbox tool. */
  readonly agents: AgentActivities & StoreActivities & Record<string, ToolActivity>;
  /** For the sandbox queue: `tool.NAME` of the sandbox tools. */
  readonly sandbox: Record<string, ToolActivity>;
}

/** Heartbeats go out this often; the worker's throttle decides what reaches the server. */
const HEARTBEAT_EVERY_MS = 300;

/** A slow broker holds an answer up no longer than this; what it has not acknowledged goes out again with the next call. */
const PUBLISH_PATIENCE_MS = 100;

/** Makes the activities of a worker that offers these tools. */
export function createActivities(ports: ActivityPorts, tools: readonly ToolPolicy[]): Activities {
  const tool: ToolActivity = async (request) =>
    await attended(async (context) => await toolCall(ports, request, context));
  const named = (kinds: readonly string[]) =>
    Object.fromEntries(tools.filter(({ kind }) => kinds.includes(kind)).map(({ name }) => [`tool.${name}`, tool]));
  const contract: AgentActivities & StoreActivities = {
    resolveAgent: async (request) => await attended(async () => await resolveAgent(ports, request)),
    callModel: async (request) => await attended(async (context) => await modelCall(ports, request, context)),
    publishEvents: async (records, key) =>
      await attended(
        async ({ info }) => await publishRecords(ports, key ?? info.workflowExecution?.workflowId ?? "", records),
      ),
    appendMessages: async ({ head, messages }) =>
      await attended(async () => {
        const appended = await ports.transcripts.append(head, messages);
        return { head: appended.head, transcriptBytes: appended.bytes };
      }),
    storePiece: async (piece) => (await ports.blobs.put(piece)).ref,
    loadPiece: async (address) => await ports.blobs.getText(address),
  };
  return {
    agents: { ...contract, ...named(["activity", "local"]) } as Activities["agents"],
    sandbox: named(["sandbox"]),
  };
}

async function modelCall(ports: ActivityPorts, request: ModelCallRequest, context: Context) {
  const workflowId = context.info.workflowExecution?.workflowId ?? "";
  const published = request.outbox.length > 0 ? publishBeside(ports, workflowId, request) : undefined;
  const cut = cutSignal(context);
  const result = await callModel(ports, request, { workflowId, activityAttempt: context.info.attempt, cut });
  const publishedSeq = await Promise.race([published, patience(PUBLISH_PATIENCE_MS)]);
  return publishedSeq === undefined || result.kind === "cut" ? result : { ...result, publishedSeq };
}

/** The run's records travel beside its model calls: a broker that is away delays them and never the run. */
async function publishBeside(
  ports: ActivityPorts,
  workflowId: string,
  request: ModelCallRequest,
): Promise<number | undefined> {
  try {
    await publishRecords(ports, workflowId, request.outbox);
    return request.outbox.at(-1)?.seq;
  } catch {
    return undefined;
  }
}

/** A timer that keeps no process alive. */
async function patience(ms: number): Promise<undefined> {
  return await new Promise((resolve) => setTimeout(() => resolve(undefined), ms).unref());
}

async function toolCall(ports: ActivityPorts, request: ToolCallRequest, context: Context) {
  return await runTool(ports, request, {
    workflowId: context.info.workflowExecution?.workflowId ?? "",
    activityAttempt: context.info.attempt,
    signal: context.cancellationSignal,
    journalled: !context.info.isLocal,
  });
}

/** So long an answer is waited for that nobody waits for any more, in milliseconds. */
const ANSWER_ON_ITS_WAY_MS = 60_000;

/**
 * Aborted when the run itself wants the call to end. Not on a time-out or a lost activity: the answer is on its way and
 * paid for, so it is waited for and journalled, and a successor joins.
 */
function cutSignal(context: Context): AbortSignal {
  const controller = new AbortController();
  context.cancelled.catch(() => {
    const details = context.cancellationDetails;
    if (!details || details.cancelRequested || details.workerShutdown || details.paused) controller.abort();
    else setTimeout(() => controller.abort(), ANSWER_ON_ITS_WAY_MS).unref();
  });
  return controller.signal;
}

/** Heartbeats while the work goes on, and translates what it throws. */
async function attended<T>(work: (context: Context) => Promise<T>): Promise<T> {
  const context = Context.current();
  const beat = context.info.isLocal ? undefined : setInterval(() => context.heartbeat(), HEARTBEAT_EVERY_MS);
  try {
    return await work(context);
  } catch (error) {
    if (context.cancellationSignal.aborted && context.cancellationDetails?.cancelRequested) {
      throw new CancelledFailure("the run was cancelled", [], error instanceof Error ? error : undefined);
    }
    throw toApplicationFailure(error);
  } finally {
    clearInterval(beat);
  }
}
