import type { Client, WorkflowHandle } from "@temporalio/client";

/** A history as the client fetches it, and as `Worker.runReplayHistories` takes it. */
export type History = Awaited<ReturnType<WorkflowHandle["fetchHistory"]>>;

/** An event as plain data: attributes by name, payloads' bytes as they are. */
export interface HistoryEvent {
  readonly eventId: number;
  /** Such as `EVENT_TYPE_ACTIVITY_TASK_SCHEDULED`. */
  readonly eventType: string;
  readonly [attributes: string]: unknown;
}

/** One history of a run; a long run has several, one after the other. */
export interface RunHistory {
  readonly runId: string;
  readonly history: History;
  readonly events: readonly HistoryEvent[];
  /** The server's own figure. */
  readonly bytes: number;
}

/** All histories of a run, oldest first. @param runId of the first */
export async function historiesOf(client: Client, workflowId: string, runId: string): Promise<readonly RunHistory[]> {
  const histories: RunHistory[] = [];
  for (let next: string | undefined = runId; next; ) {
    const handle = client.workflow.getHandle(workflowId, next);
    const history = await handle.fetchHistory();
    const { events } = plainHistory(history, { enums: String });
    const { historySize } = await handle.describe();
    histories.push({ runId: next, history, events, bytes: historySize ?? 0 });
    const ended = events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes;
    next = (ended as { newExecutionRunId?: string } | undefined)?.newExecutionRunId;
  }
  return histories;
}

/** A history's plain data. The SDK's own `historyToJSON` fails where npm has installed protobufjs more than once. */
export function plainHistory(
  history: History,
  options: { readonly enums?: StringConstructor } = {},
): { readonly events: readonly HistoryEvent[] } {
  const type = history.constructor as unknown as {
    toObject(of: History, how: object): { readonly events: readonly HistoryEvent[] };
  };
  return type.toObject(history, { longs: Number, ...options });
}

/** The types of events in short, such as `ACTIVITY_TASK_SCHEDULED`. */
export function typesOf(events: readonly HistoryEvent[]): readonly string[] {
  return events.map(({ eventType }) => eventType.replace("EVENT_TYPE_", ""));
}

/** Bytes of events as JSON: for comparisons. */
export function jsonSize(events: readonly HistoryEvent[]): number {
  return events.reduce((sum, event) => sum + JSON.stringify(event, base64).length, 0);
}

/** A payload somewhere in a history. */
export interface FoundPayload {
  readonly where: string;
  readonly bytes: number;
  readonly text: string;
}

/** Every payload of a history: inputs, results, failures' details, markers, search attributes. */
export function payloadsOf(events: readonly HistoryEvent[]): readonly FoundPayload[] {
  return events.flatMap((event) => found(event, `${event.eventId} ${event.eventType}`));
}

export function largestPayload(events: readonly HistoryEvent[]): FoundPayload {
  const none = { where: "none", bytes: 0, text: "" };
  return payloadsOf(events).reduce((most, one) => (one.bytes > most.bytes ? one : most), none);
}

/** The inputs that activities of a type were scheduled with, oldest first. */
export function inputsOf<T>(events: readonly HistoryEvent[], activityType: string): readonly T[] {
  const scheduled = events.filter((event) => {
    const facts = event.activityTaskScheduledEventAttributes as { activityType?: { name?: string } } | undefined;
    return facts?.activityType?.name === activityType;
  });
  return scheduled.map((event) => JSON.parse(payloadsOf([event])[0]?.text ?? "null") as T);
}

function base64(_name: string, value: unknown): unknown {
  return isBytes(value) ? Buffer.from(value).toString("base64") : value;
}

/** Also where the bytes were made outside of jest's realm. */
function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value);
}

function found(value: unknown, where: string): readonly FoundPayload[] {
  if (typeof value !== "object" || value === null) return [];
  const { data, metadata } = value as { data?: unknown; metadata?: unknown };
  if (isBytes(data) && metadata) {
    return [{ where, bytes: data.length, text: Buffer.from(data).toString("utf8") }];
  }
  if (isBytes(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) => found(inner, `${where}.${name}`));
}
