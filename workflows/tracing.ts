import { defaultPayloadConverter, type Headers } from "@temporalio/common";
import { proxySinks, workflowInfo } from "@temporalio/workflow";
import { WFLO_ATTRIBUTES } from "../core/gen-ai.js";
import type { WfloSinks } from "../core/sinks.js";
import {
  formatTraceparent,
  isSampled,
  parseTraceparent,
  type SpanAttributes,
  type SpanContext,
  spanIdOf,
  TRACE_HEADER,
  type TraceSettings,
  traceIdOf,
} from "../core/trace.js";
import { AGENT_RUN } from "./names.js";

/*
 * A run's place in its trace. Nothing here is a step of the workflow: ids come from what the spans are, ends go through a
 * sink, contexts through headers, which no replay compares, and no promise is added. So a run may begin on a worker that
 * traces and go on on one that does not (docs/decisions/020).
 */

/** Set in front of the bundle by a worker that traces (`workers/workflow-code.ts`). */
const { wfloTraces } = globalThis as { readonly wfloTraces?: TraceSettings };

interface TurnTrace {
  readonly turn: number;
  readonly startMs: number;
}

/** The same while it is in memory: a digest takes as long as many other things together. */
interface OpenTurn extends TurnTrace {
  readonly spanId: string;
}

/** What a history of a run hands to the next one, in the same header. */
interface Continued {
  readonly parentId?: string;
  readonly turn?: TurnTrace;
}

const CONTINUED = "wflo-continued";

interface WorkflowTrace {
  /** The run's own span; of another workflow whatever it was started in. */
  readonly own: Omit<SpanContext, "sampled">;
  readonly parentId?: string;
  sampled: boolean;
  turn?: OpenTurn;
  /** The header of the last step, and what it says: those of a turn are the same. */
  header?: { readonly traceparent: string; readonly headers: Headers };
}

/** Of the workflow that this module's copy belongs to. */
let trace: WorkflowTrace | undefined;

const { wflo: sinks } = proxySinks<WfloSinks>();

export function traceSettings(): TraceSettings | undefined {
  return wfloTraces;
}

export function isTraced(): boolean {
  return trace !== undefined;
}

/** Takes the trace up that the workflow was started in, or begins one for a run. */
export function openTrace(headers: Headers): void {
  const carried = carriedBy(headers);
  const outer = parseTraceparent(carried?.traceparent);
  const { workflowType, workflowId, runId, firstExecutionRunId } = workflowInfo();
  if (workflowType !== AGENT_RUN) {
    trace = outer && { own: outer, sampled: outer.sampled };
    return;
  }
  const continued = continuedBy(carried);
  if (outer && continued) {
    const { turn, ...more } = continued;
    trace = { own: outer, sampled: outer.sampled, ...more, ...(turn ? { turn: opened(outer.spanId, turn) } : {}) };
    return;
  }
  const traceId = outer?.traceId ?? traceIdOf(workflowId, firstExecutionRunId);
  const sampled = outer?.sampled ?? isSampled(traceId, traceSettings()?.sampleRatio ?? 1);
  const own = { traceId, spanId: spanIdOf(traceId, runId) };
  trace = { own, sampled, ...(outer ? { parentId: outer.spanId } : {}) };
}

/** Headers with the span that the workflow's next step belongs to. */
export function withTrace(headers: Headers): Headers {
  const context = activeSpan();
  if (!trace || !context) return headers;
  const traceparent = formatTraceparent(context);
  if (trace.header?.traceparent !== traceparent) trace.header = { traceparent, headers: headerOf({ traceparent }) };
  return { ...headers, ...trace.header.headers };
}

/** Headers for the next history of the same run. */
export function withContinuedTrace(headers: Headers): Headers {
  if (!trace) return headers;
  const { own, sampled, parentId, turn } = trace;
  const going = turn ? { turn: { turn: turn.turn, startMs: turn.startMs } } : {};
  const continued: Continued = { ...(parentId === undefined ? {} : { parentId }), ...going };
  const traceparent = formatTraceparent({ ...own, sampled });
  return { ...headers, ...headerOf({ traceparent, [CONTINUED]: JSON.stringify(continued) }) };
}

/** The turn that goes on, else the run. */
export function activeSpan(): SpanContext | undefined {
  if (!trace) return undefined;
  const { own, turn, sampled } = trace;
  return { traceId: own.traceId, spanId: turn?.spanId ?? own.spanId, sampled };
}

/** What happens from now on belongs to this turn. */
export function beginTurnSpan(turn: number, startMs: number): void {
  if (trace && trace.turn?.turn !== turn) trace.turn = opened(trace.own.spanId, { turn, startMs });
}

export function endTurnSpan(endMs: number): void {
  if (!trace?.turn) return;
  const { turn, startMs, spanId } = trace.turn;
  delete trace.turn;
  sinks.spanEnded({
    ...trace.own,
    sampled: trace.sampled,
    spanId,
    parentId: trace.own.spanId,
    name: `turn ${turn}`,
    startMs,
    endMs,
    attributes: { [WFLO_ATTRIBUTES.turn]: turn },
  });
}

/** Something within the turn that goes on, that only the workflow saw. @param id tells it from others of the run */
export function tellSpan(
  id: string,
  span: {
    readonly name: string;
    readonly startMs: number;
    readonly endMs: number;
    readonly attributes: SpanAttributes;
  },
): void {
  const parent = activeSpan();
  if (!trace || !parent) return;
  sinks.spanEnded({ ...parent, spanId: spanIdOf(trace.own.spanId, id), parentId: parent.spanId, ...span });
}

export function endRunSpan(span: {
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: SpanAttributes;
  readonly errorType?: string;
}): void {
  if (!trace) return;
  const { own, sampled, parentId } = trace;
  sinks.spanEnded({ ...own, sampled, ...(parentId === undefined ? {} : { parentId }), ...span });
}

/** From here on the run is stored, whatever was decided when it began: it failed, or has become dear. */
export function keepTrace(): void {
  if (trace) trace.sampled = true;
}

export function keepTraceIfDear(spentNanoUsd: number): void {
  const settings = traceSettings();
  if (settings && spentNanoUsd >= settings.keepAboveNanoUsd) keepTrace();
}

function opened(runSpanId: string, { turn, startMs }: TurnTrace): OpenTurn {
  return { turn, startMs, spanId: spanIdOf(runSpanId, `turn ${turn}`) };
}

function headerOf(carrier: Readonly<Record<string, string>>): Headers {
  return { [TRACE_HEADER]: defaultPayloadConverter.toPayload(carrier) };
}

function carriedBy(headers: Headers): Readonly<Record<string, unknown>> | undefined {
  const payload = headers[TRACE_HEADER];
  if (!payload) return undefined;
  try {
    const carried: unknown = defaultPayloadConverter.fromPayload(payload);
    return typeof carried === "object" && carried !== null ? (carried as Record<string, unknown>) : undefined;
  } catch {
    // Anyone may write headers: what can't be read is no trace.
    return undefined;
  }
}

function continuedBy(carried: Readonly<Record<string, unknown>> | undefined): Continued | undefined {
  const text = carried?.[CONTINUED];
  if (typeof text !== "string") return undefined;
  try {
    const { parentId, turn } = (JSON.parse(text) ?? {}) as Record<string, unknown>;
    const { turn: number, startMs } = (turn ?? {}) as Record<string, unknown>;
    const isTurn = typeof number === "number" && typeof startMs === "number";
    return {
      ...(typeof parentId === "string" ? { parentId } : {}),
      ...(isTurn ? { turn: { turn: number, startMs } } : {}),
    };
  } catch {
    return undefined;
  }
}
