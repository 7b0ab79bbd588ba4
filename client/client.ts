import { randomUUID } from "node:crypto";
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from "@temporalio/common";
import { invalidInput } from "../core/failures.js";
import { checkRunInput } from "../core/input.js";
import { describeRun } from "../core/run-description.js";
import type { RequestText, RunRequest } from "../core/run-request.js";
import type { BlobAddress } from "../core/transcript.js";
import { type Accounts, createAccounts } from "./accounts.js";
import { ClientError } from "./client-error.js";
import { createRunHandle, type RunHandle } from "./run-handle.js";
import { hasRunAttributes, listRuns, type RunFilter, type RunSummary } from "./run-list.js";
import { createSchedules, type Schedules } from "./schedules.js";
import type { Temporal } from "./temporal.js";
import type { TranscriptMessage } from "./transcript.js";
import { webUrl } from "./web-url.js";

/** How a run is started. */
export interface RunOptions {
  /** Workflow id: a second run of the same id is refused while the namespace remembers the first. @default `run-` and a random id */
  readonly id?: string;
  /** The id may be that of a run that failed, was cancelled or ended from outside. @default false */
  readonly again?: boolean;
  /** @default the client's */
  readonly taskQueue?: string;
}

/** A run that was started here. */
export interface StartedRun extends RunHandle {
  /** Of its first history. */
  readonly runId: string;
  /** Its page in the Temporal Web UI. */
  readonly webUrl: string;
}

/** A run that goes on from another one's transcript. */
export interface ForkOptions extends RunOptions {
  /** The last turn of the old run that the new one remembers. @default all of them */
  readonly turn?: number;
  /** What is said next; may be left out only where the old run, or `turn`, did not end with an answer. */
  readonly input?: RequestText;
}

/** Starts, steers and reads runs of agents. Close it at the end: it holds a connection. */
export interface WfloClient extends Accounts, Schedules {
  readonly namespace: string;
  /** `host:port` of the Temporal server. */
  readonly address: string;
  readonly taskQueue: string;
  /**
   * Starts a run. What is wrong with the request is told before anything is started.
   * @throws WfloError `InvalidInput`, naming every wrong field; ClientError `id-taken`, `unreachable`, …
   */
  run(request: RunRequest, options?: RunOptions): Promise<StartedRun>;
  /**
   * A handle to a run that is there, by its workflow id; calls nobody.
   * @param chain the run of this id that began with `firstRunId`, as its events name it: an id may be used again after a run's end
   */
  attach(workflowId: string, chain?: { readonly firstRunId?: string }): RunHandle;
  /** Starts a run that remembers another one up to a turn, with the same settings. */
  fork(workflowId: string, options?: ForkOptions): Promise<StartedRun>;
  /** All messages of a run so far, in full. */
  transcript(workflowId: string): Promise<readonly TranscriptMessage[]>;
  /** The newest first; from the namespace's index, which lags by moments. */
  list(filter?: RunFilter): AsyncIterable<RunSummary>;
  /** The namespace's index has the `Wflo…` search attributes; without them lists know no agents, models and costs. */
  hasRunAttributes(): Promise<boolean>;
  /** Workers have polled the queue lately. @default the client's queue */
  hasWorker(taskQueue?: string): Promise<boolean>;
  close(): Promise<void>;
}

const AGENT_RUN = "agentRun";
/** Temporal's limit on ids. */
const LONGEST_ID = 1_000;
/** The server's code for queues of workflow tasks. */
const WORKFLOW_QUEUE = 1;

export function createClient(temporal: Temporal, close: () => Promise<void>): WfloClient {
  const { namespace, address, taskQueue } = temporal;
  const attach = (workflowId: string, { firstRunId }: { readonly firstRunId?: string } = {}) => {
    const chain = firstRunId === undefined ? {} : { firstExecutionRunId: firstRunId };
    return createRunHandle(temporal, temporal.client.workflow.getHandle(workflowId, undefined, chain));
  };
  const run = async (request: RunRequest, options: RunOptions = {}) => await startRun(temporal, request, options);
  return {
    namespace,
    address,
    taskQueue,
    run,
    attach,
    fork: async (workflowId, options = {}) => {
      const { request, ...start } = await forkOf(attach(workflowId), options);
      return await run(request, start);
    },
    ...createAccounts(temporal),
    ...createSchedules(temporal),
    transcript: async (workflowId) => await attach(workflowId).transcript(),
    list: (filter) => listRuns(temporal, filter),
    hasRunAttributes: async () => await hasRunAttributes(temporal),
    async hasWorker(queue = taskQueue) {
      const request = { namespace, taskQueue: { name: queue }, taskQueueType: WORKFLOW_QUEUE };
      const { pollers } = await temporal.call(
        async () => await temporal.client.workflowService.describeTaskQueue(request),
      );
      return (pollers?.length ?? 0) > 0;
    },
    close,
  };
}

/** The old run's settings, from its transcript's end on; its files come along with the transcript. */
async function forkOf(old: RunHandle, { turn, input, ...options }: ForkOptions) {
  const { head } = await old.transcriptHead();
  if (head === null) {
    const message = `the run ${old.workflowId} has no answer yet, so there is nothing to go on from`;
    throw new ClientError("run-going-on", message, "Wait for its first turn, or start a run of its own.");
  }
  const { status } = await old.summary();
  if (input === undefined && turn === undefined && status === "completed") {
    throw invalidInput([`input: is missing; the run ${old.workflowId} ended with an answer, so say what comes next`]);
  }
  const { input: _said, files: _comeAlong, fork: _earlier, ...settings } = await old.request();
  const fork = { transcript: head as BlobAddress, ...(turn === undefined ? {} : { turn }) };
  const request: RunRequest = { ...settings, ...(input === undefined ? {} : { input }), fork };
  return { request, ...options };
}

async function startRun(temporal: Temporal, request: RunRequest, options: RunOptions): Promise<StartedRun> {
  const checked = checkRunInput(request);
  const problems = [...("problems" in checked ? checked.problems : []), ...idProblems(options.id)];
  if (problems.length > 0 || !("input" in checked)) throw invalidInput(problems);
  const workflowId = options.id ?? `run-${randomUUID()}`;
  const handle = await temporal.call(
    async () =>
      await temporal.client.workflow.start(AGENT_RUN, {
        workflowId,
        taskQueue: options.taskQueue ?? temporal.taskQueue,
        args: [request],
        workflowIdReusePolicy: options.again
          ? WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
          : WorkflowIdReusePolicy.REJECT_DUPLICATE,
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
        ...describeRun(checked.input),
      }),
    { workflowId },
  );
  const runId = handle.firstExecutionRunId;
  const page = webUrl(temporal.uiUrl, temporal.namespace, workflowId, runId);
  return { ...createRunHandle(temporal, handle), runId, webUrl: page };
}

function idProblems(id: string | undefined): readonly string[] {
  if (id === undefined) return [];
  const fits = id.trim() !== "" && id.length <= LONGEST_ID && !/\p{Cc}/u.test(id);
  return fits ? [] : [`id: must be 1 to ${LONGEST_ID} characters, none of them a control character`];
}
