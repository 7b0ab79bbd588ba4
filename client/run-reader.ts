import { WorkflowFailedError, type WorkflowHandle } from "@temporalio/client";
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from "@temporalio/common";
import type { GateView } from "../core/gate.js";
import type { BudgetView } from "../core/ledger-report.js";
import type { FilesView, TranscriptView } from "../core/messages.js";
import type { RunResult, RunStatus } from "../core/run.js";
import type { RunRequest } from "../core/run-request.js";
import type { BlobAddress } from "../core/transcript.js";
import { type RunAuditTrail, readAuditTrail } from "./audit-trail.js";
import { type BlobReader, readBlob, readBlobText } from "./blob-reader.js";
import { ClientError, RunFailed } from "./client-error.js";
import { firstEvent } from "./history.js";
import type { RunChange } from "./run-changes.js";
import { type RunSummary, summaryOf } from "./run-list.js";
import { type RunStory, storyOf } from "./story.js";
import type { History, Temporal } from "./temporal.js";
import { toClientError } from "./temporal-errors.js";
import { readTranscript, type TranscriptMessage } from "./transcript.js";
import { watchRun } from "./watch.js";

const AGENT_RUN = "agentRun";
const BUDGET_ACCOUNT = "budgetAccount";
/** A history may be 50 MiB. */
const HISTORY_TIMEOUT_MS = 120_000;

/** What there is to read of a run. */
export interface RunReader {
  readonly workflowId: string;
  /** Waits for the end. @throws RunFailed where the run has no result */
  result(): Promise<RunResult>;
  /** What Temporal's index knows, without a worker. */
  summary(): Promise<RunSummary>;
  /** What it was started with. */
  request(): Promise<RunRequest>;
  /** Temporal's id of its first history: what events and audit records call it by. */
  firstRunId(): Promise<string>;
  /** Its newest history, for a replay. */
  history(): Promise<History>;
  /** What all its histories have of its audit records, and of what people and tools did: for a look at the audit log. */
  auditTrail(): Promise<RunAuditTrail>;
  status(): Promise<RunStatus>;
  budget(): Promise<BudgetView & { readonly account?: string }>;
  /** Its gates: those that are open, and the last that were. */
  approvals(): Promise<readonly GateView[]>;
  /** Head of the transcript, and turns so far. */
  transcriptHead(): Promise<TranscriptView>;
  /** All messages so far, in full. */
  transcript(): Promise<readonly TranscriptMessage[]>;
  /** Addresses of the files that it has left so far, by name. */
  files(): Promise<Readonly<Record<string, BlobAddress>>>;
  /** The content of one of its files. */
  file(name: string): Promise<Uint8Array>;
  /** All that has happened so far, and its trace; without a worker. */
  story(): Promise<RunStory>;
  /** Changes from its start to its end, as they happen. */
  watch(options?: { readonly signal?: AbortSignal }): AsyncIterable<RunChange>;
}

export function createRunReader(temporal: Temporal, handle: WorkflowHandle): RunReader {
  const { workflowId } = handle;
  const query = async <T>(name: string): Promise<T> =>
    await temporal.call(async () => await handle.query<T>(name), { workflowId, needsWorker: true });

  const describe = async (types: readonly string[] = [AGENT_RUN]) => {
    const onlooker = temporal.onlooker.workflow.getHandle(workflowId);
    const description = await temporal.call(async () => await onlooker.describe(), { workflowId });
    if (types.includes(description.type)) return description;
    const message = `${workflowId} is a workflow of the type ${description.type}, not a run of an agent`;
    throw new ClientError("no-such-run", message, "Ask `wflo runs` for the runs that are there.");
  };

  const result = async (): Promise<RunResult> => {
    try {
      return (await handle.result()) as RunResult;
    } catch (error) {
      if (error instanceof WorkflowFailedError) throw failureOf(workflowId, error);
      throw toClientError(error, { ...temporal, workflowId });
    }
  };

  /** A result says it all without a worker; other ends are asked for. */
  const transcriptHead = async (): Promise<TranscriptView> => {
    const { status } = await describe();
    if (status.name !== "COMPLETED") return await query<TranscriptView>("transcript");
    const { transcript, turns } = await result();
    return { head: transcript ?? null, turns };
  };

  /** A result says it all without a worker; of a run that goes on, or ended without one, the files so far are asked for. */
  const files = async (): Promise<FilesView["files"]> => {
    const { status } = await describe();
    const view = status.name === "COMPLETED" ? await result() : await query<FilesView>("files");
    return view.filesRef === undefined ? view.files : await readAllFiles(temporal.blobs(), view.filesRef);
  };

  return {
    workflowId,
    result,
    summary: async () => summaryOf(temporal, await describe()),
    request: async () => await requestOf(temporal, workflowId),
    async firstRunId() {
      const event = await firstEvent(temporal, workflowId);
      return event?.workflowExecutionStartedEventAttributes?.firstExecutionRunId ?? "";
    },
    history: async () =>
      await temporal.call(async () => await handle.fetchHistory(), { workflowId, timeoutMs: HISTORY_TIMEOUT_MS }),
    status: async () => await query<RunStatus>("status"),
    budget: async () => await query<BudgetView & { account?: string }>("budget"),
    approvals: async () => await query<readonly GateView[]>("approvals"),
    transcriptHead,
    async transcript() {
      const { head } = await transcriptHead();
      return head === null ? [] : await readTranscript(temporal.blobs(), head as BlobAddress);
    },
    files,
    async auditTrail() {
      await describe([AGENT_RUN, BUDGET_ACCOUNT]);
      return await readAuditTrail(temporal, workflowId);
    },
    file: async (name) => await readBlob(temporal.blobs(), addressOfFile(workflowId, name, await files())),
    async story() {
      await describe();
      return await storyOf(temporal, workflowId);
    },
    watch: ({ signal } = {}) =>
      watched(temporal, { workflowId, describe: async () => await describe(), query }, signal),
  };
}

async function* watched(
  temporal: Temporal,
  run: {
    readonly workflowId: string;
    readonly describe: () => Promise<{ runId: string; historyLength: number; status: { name: string } }>;
    readonly query: <T>(name: string) => Promise<T>;
  },
  signal: AbortSignal | undefined,
): AsyncGenerator<RunChange> {
  const { workflowId, query } = run;
  const { runId, historyLength, status } = await run.describe();
  const queries = {
    status: async () => await query<RunStatus>("status"),
    budget: async () => await query<BudgetView>("budget"),
    approvals: async () => await query<readonly GateView[]>("approvals"),
  };
  yield* watchRun(temporal, { workflowId, runId, historyLength, isOpen: status.name === "RUNNING" }, queries, signal);
}

async function requestOf(temporal: Temporal, workflowId: string): Promise<RunRequest> {
  const event = await firstEvent(temporal, workflowId);
  const request = await temporal.decode(event?.workflowExecutionStartedEventAttributes?.input?.payloads);
  if (typeof request === "object" && request !== null) return request as RunRequest;
  const message = `what the run ${workflowId} was started with can't be read`;
  throw new ClientError("no-such-run", message, "Is it a run of an agent, and are its keys here?");
}

async function readAllFiles(blobs: BlobReader, ref: BlobAddress): Promise<FilesView["files"]> {
  return JSON.parse(await readBlobText(blobs, ref)) as FilesView["files"];
}

function addressOfFile(workflowId: string, name: string, files: Readonly<Record<string, BlobAddress>>): BlobAddress {
  const address = Object.hasOwn(files, name) ? files[name] : undefined;
  if (address !== undefined) return address;
  const names = Object.keys(files).sort().join(", ") || "none";
  throw new ClientError("blob", `the run ${workflowId} left no file ${name}; its files: ${names}`, "Name one of them.");
}

/** Why a run has no result, by the contract's types. */
function failureOf(workflowId: string, error: WorkflowFailedError): RunFailed {
  const { cause } = error;
  const failure = (type: string, message: string, facts?: unknown) =>
    new RunFailed(workflowId, { type, message, facts }, { cause: error });
  if (cause instanceof CancelledFailure) return failure("Canceled", "the run was cancelled");
  if (cause instanceof TerminatedFailure) return failure("Terminated", `the run was terminated: ${cause.message}`);
  if (cause instanceof TimeoutFailure) return failure("TimedOut", "the run's time in Temporal was over");
  if (cause instanceof ApplicationFailure) return failure(cause.type ?? "Error", cause.message, cause.details?.[0]);
  return failure("Error", cause?.message ?? error.message);
}
