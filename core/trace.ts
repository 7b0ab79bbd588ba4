import { addressOf } from "./digest.js";

/** A span as others may continue it: W3C Trace Context's ids in lower-case hex, 32 and 16 digits. */
export interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
  /** Whoever began the trace wants it stored. */
  readonly sampled: boolean;
}

/** How a trace is begun and kept, where a run begins one. */
export interface TraceSettings {
  /** Of the traces that runs begin, this share is stored. From 0 to 1. */
  readonly sampleRatio: number;
  /** A run that has cost so much is stored all the same, from then on. */
  readonly keepAboveNanoUsd: number;
}

/** Values that a span may be asked for by. Content is never among them. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** A span that a workflow has ended. */
export interface EndedSpan extends SpanContext {
  readonly parentId?: string;
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: SpanAttributes;
  /** What it failed of: a type of CONTRACT. */
  readonly errorType?: string;
}

/** The header that Temporal's own interceptors have a trace in, in every language: a map with `traceparent`. */
export const TRACE_HEADER = "_tracer-data";

/** Version 00 of https://www.w3.org/TR/trace-context/#traceparent-header; later ones may say more after it. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** Undefined for what is no `traceparent`. */
export function parseTraceparent(text: unknown): SpanContext | undefined {
  const match = typeof text === "string" && text.length <= 256 ? TRACEPARENT.exec(text) : null;
  if (!match) return undefined;
  const [, traceId = "", spanId = "", flags = ""] = match;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export function formatTraceparent({ traceId, spanId, sampled }: SpanContext): string {
  return `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
}

/** The trace of a run that nobody began one for: the same in every process, and after every replay. */
export function traceIdOf(...names: readonly string[]): string {
  return hexOf(names, 32);
}

/** The id of a span by what it is: a workflow makes its spans anew with each replay, and they are the same ones. */
export function spanIdOf(...names: readonly string[]): string {
  return hexOf(names, 16);
}

function hexOf(names: readonly string[], digits: number): string {
  return addressOf(JSON.stringify(names)).slice("sha256:".length).slice(0, digits);
}

/**
 * Whether a trace is among those that are stored: by its id, so that all who see it decide alike. As OpenTelemetry's
 * `TraceIdRatioBased` sampler for JavaScript does it: the id's four words, exclusive or.
 */
export function isSampled(traceId: string, ratio: number): boolean {
  if (ratio >= 1) return true;
  let folded = 0;
  for (let at = 0; at < traceId.length; at += 8) {
    folded = (folded ^ Number.parseInt(traceId.slice(at, at + 8), 16)) >>> 0;
  }
  return folded < Math.floor(ratio * 0xffffffff);
}
