import type {
  ModelAnswered,
  ModelCallRequest,
  PublishRequest,
  ToolCallRequest,
  ToolCallResult,
  Unlogged,
} from "../core/activity-contract.js";
import type { AuditChain } from "../core/audit.js";
import { createDeedBook, type DeedBook, type EventPlace } from "../core/audit-deeds.js";
import type { AuditTrail } from "../core/audit-trail.js";
import type { RunResult } from "../core/run.js";
import { fromOutside, Unreadable } from "../core/unreadable.js";
import { createRecordBook, type RecordBook } from "./audit-records.js";
import { ClientError } from "./client-error.js";
import { historyIds, readHistory } from "./history.js";
import type { HistoryEvent, Temporal } from "./temporal.js";

/** What a run's histories have of its audit records, with the id that the records call the run by. */
export type RunAuditTrail = AuditTrail & { readonly firstRunId: string };

/** The server's code for the task at which a reset run begins anew. */
const RESET = 20;
const DELIVER_EVENTS = "deliverEvents";
/** The ends that a run tells of itself. */
const OWN_ENDS: readonly string[] = ["run.ended", "run.failed", "run.canceled"];

/** Reads a run's histories, from its first event to the last that there is by now. */
export async function readAuditTrail(temporal: Temporal, workflowId: string): Promise<RunAuditTrail> {
  const { runIds, firstRunId, isWhole } = await historyIds(temporal, workflowId);
  const fold = openFold(temporal);
  for (const runId of runIds) {
    for await (const { events } of readHistory(temporal, { workflowId, runId })) await takeAll(fold, runId, events);
  }
  const forgotten = isWhole ? [] : ["its first histories are gone from Temporal"];
  return { ...trailOf(fold, forgotten), delivering: await isAnyRunning(temporal, fold.carriers), firstRunId };
}

/** A run's histories that were saved, in order. */
export interface SavedHistories {
  readonly workflowId: string;
  readonly firstRunId: string;
  readonly histories: readonly { readonly runId: string; readonly events: readonly HistoryEvent[] }[];
  /** What is not among them. */
  readonly gaps: readonly string[];
}

/** The same of histories that were saved: no server is asked, so whatever was still to be delivered counts as delivered. */
export async function savedAuditTrail(
  saved: SavedHistories,
  tools: Pick<Temporal, "decode" | "blobs">,
): Promise<RunAuditTrail> {
  const fold = openFold(tools);
  for (const { runId, events } of saved.histories) await takeAll(fold, runId, events);
  return { ...trailOf(fold, saved.gaps), delivering: false, firstRunId: saved.firstRunId };
}

function openFold(tools: Pick<Temporal, "decode" | "blobs">): Fold {
  return {
    decode: tools.decode,
    records: createRecordBook(tools),
    deeds: createDeedBook(),
    steps: new Map(),
    updates: new Map(),
    carriers: [],
    wasReset: false,
    end: undefined,
    head: undefined,
  };
}

async function takeAll(fold: Fold, runId: string, events: readonly HistoryEvent[]): Promise<void> {
  for (const event of events) await take(fold, event, { runId, event: Number(event.eventId) });
}

function trailOf(fold: Fold, missing: readonly string[]): Omit<AuditTrail, "delivering"> {
  const { gaps, ...facts } = fold.records.facts();
  const endedBy = endOf(fold, facts.records);
  return {
    ...facts,
    deeds: fold.deeds.deeds,
    gaps: [...missing, ...gaps],
    ...(endedBy ? { endedBy } : {}),
    ...(fold.head ? { end: fold.head } : {}),
    wasReset: fold.wasReset,
  };
}

interface Fold {
  readonly decode: Temporal["decode"];
  readonly records: RecordBook;
  readonly deeds: DeedBook;
  /** Under way, by history and number of the event that scheduled them. */
  readonly steps: Map<string, Step>;
  /** Taken and not answered yet. */
  readonly updates: Map<string, { readonly name: string; readonly payload: unknown }>;
  /** Workflows that deliver what was left when the run ended. */
  readonly carriers: string[];
  wasReset: boolean;
  end: "orderly" | "outside" | undefined;
  head: AuditChain | undefined;
}

type Step =
  | { readonly kind: "model" }
  | { readonly kind: "publishing"; readonly upTo: number }
  | { readonly kind: "tool"; readonly request: ToolCallRequest };

async function take(fold: Fold, event: HistoryEvent, place: EventPlace): Promise<void> {
  const signal = event.workflowExecutionSignaledEventAttributes;
  const child = event.startChildWorkflowExecutionInitiatedEventAttributes;
  if (event.activityTaskScheduledEventAttributes) {
    await scheduled(fold, place, event.activityTaskScheduledEventAttributes);
  } else if (event.activityTaskCompletedEventAttributes) {
    await completed(fold, place, event.activityTaskCompletedEventAttributes);
  } else if (signal) {
    fold.deeds.signal(place, signal.signalName ?? "", await said(fold, signal.input?.payloads));
  } else if (child?.workflowType?.name === DELIVER_EVENTS) {
    await leaving(fold, (await fold.decode(child.input?.payloads)) as PublishRequest);
    fold.carriers.push(child.workflowId ?? "");
  } else {
    await updated(fold, place, event);
    await ended(fold, place, event);
    fold.wasReset ||= event.workflowTaskFailedEventAttributes?.cause === RESET;
  }
}

type Scheduled = NonNullable<HistoryEvent["activityTaskScheduledEventAttributes"]>;
type Completed = NonNullable<HistoryEvent["activityTaskCompletedEventAttributes"]>;

async function scheduled(fold: Fold, { runId, event }: EventPlace, { activityType, input }: Scheduled): Promise<void> {
  const type = activityType?.name ?? "";
  const payloads = input?.payloads ?? [];
  const step = (one: Step) => void fold.steps.set(`${runId} ${event}`, one);
  if (type === "callModel") {
    fold.records.add(((await fold.decode(payloads)) as ModelCallRequest).outbox);
    step({ kind: "model" });
  } else if (type === "publishEvents") {
    const request = (await fold.decode(payloads)) as PublishRequest;
    await leaving(fold, request);
    step({ kind: "publishing", upTo: request.records.at(-1)?.seq ?? 0 });
  } else if (type.startsWith("tool.")) {
    const request = (await fold.decode(payloads)) as ToolCallRequest;
    if (request.before) await leaving(fold, request.before);
    step({ kind: "tool", request });
  }
}

/** What somebody outside sent; where nobody can read it, the run could not either, and has refused it. */
async function said(fold: Fold, payloads: Parameters<Temporal["decode"]>[0]): Promise<unknown> {
  try {
    return fromOutside(await fold.decode(payloads));
  } catch (error) {
    return new Unreadable((error as Error).message);
  }
}

/** The stored ones come before the others. */
async function leaving(fold: Fold, { records, stored }: Unlogged): Promise<void> {
  if (stored) await fold.records.addStored(stored);
  fold.records.add(records);
}

async function completed(fold: Fold, place: EventPlace, { scheduledEventId, result }: Completed): Promise<void> {
  const key = `${place.runId} ${scheduledEventId}`;
  const step = fold.steps.get(key);
  fold.steps.delete(key);
  if (step?.kind === "publishing") fold.records.taken(step.upTo);
  if (step?.kind === "model") {
    const answer = (await fold.decode(result?.payloads)) as Partial<ModelAnswered>;
    fold.records.taken(answer.publishedSeq ?? 0);
  }
  if (step?.kind === "tool") {
    const { tool, callId, turn } = step.request;
    const answer = (await fold.decode(result?.payloads)) as ToolCallResult;
    fold.records.taken(answer.publishedSeq ?? 0);
    fold.deeds.toolRan(place, { tool, callId, turn }, answer);
  }
}

async function updated(fold: Fold, place: EventPlace, event: HistoryEvent): Promise<void> {
  const { runId } = place;
  const accepted = event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest;
  // After a reset the server brings an update along in an event of its own.
  const request = accepted ?? event.workflowExecutionUpdateAdmittedEventAttributes?.request;
  if (request?.input?.name) {
    const payload = await said(fold, request.input.args?.payloads);
    fold.updates.set(`${runId} ${request.meta?.updateId}`, { name: request.input.name, payload });
  }
  const answer = event.workflowExecutionUpdateCompletedEventAttributes;
  const key = `${runId} ${answer?.meta?.updateId}`;
  const update = fold.updates.get(key);
  if (!answer || !update) return;
  fold.updates.delete(key);
  if (answer.outcome?.success) fold.deeds.update(place, update.name, update.payload);
}

async function ended(fold: Fold, place: EventPlace, event: HistoryEvent): Promise<void> {
  const result = event.workflowExecutionCompletedEventAttributes?.result?.payloads;
  if (result) {
    const { status, audit } = (await fold.decode(result)) as RunResult;
    fold.deeds.ended(place, status);
    fold.head = audit as AuditChain;
  }
  if (result || event.workflowExecutionFailedEventAttributes || event.workflowExecutionCanceledEventAttributes) {
    fold.end = "orderly";
  } else if (event.workflowExecutionTerminatedEventAttributes || event.workflowExecutionTimedOutEventAttributes) {
    fold.end = "outside";
  }
}

/** A run that fails before it can begin, or go on in a new history, tells nothing more. */
function endOf({ end }: Fold, records: AuditTrail["records"]): AuditTrail["endedBy"] {
  if (end !== "orderly") return end;
  return records.some(({ action }) => OWN_ENDS.includes(action)) ? "itself" : "outside";
}

async function isAnyRunning(temporal: Temporal, workflowIds: readonly string[]): Promise<boolean> {
  for (const workflowId of workflowIds) {
    const handle = temporal.onlooker.workflow.getHandle(workflowId);
    const status = await temporal
      .call(async () => (await handle.describe()).status.name, { workflowId })
      .catch((error: unknown) => {
        if (error instanceof ClientError && error.kind === "no-such-run") return "GONE";
        throw error;
      });
    if (status === "RUNNING") return true;
  }
  return false;
}
