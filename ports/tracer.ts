import type { SpanAttributes } from "../core/trace.js";

/** A span while its work goes on. */
export interface Span {
  /** What is known only now. */
  set(attributes: SpanAttributes): void;
  /** The work failed, whether or not it throws too: why, in one word of a bounded set. @default a thrown error's name */
  fail(errorType: string): void;
}

export interface SpanOptions {
  /** `client`: asks another system · `producer`, `consumer`: of messages. @default "internal" */
  readonly kind?: "internal" | "client" | "producer" | "consumer";
  readonly attributes?: SpanAttributes;
  /** A W3C `traceparent`, of whoever caused this elsewhere. @default the span that is active here */
  readonly parent?: string | undefined;
}

/** Makes spans. Where nothing is exported nothing is made, and none of this costs anything. */
export interface Tracer {
  /** What people, models and tools say may be written into spans too. */
  readonly content: boolean;
  /** Runs the work within a span, which ends with it, as failed where the work throws. Spans made meanwhile are its children. */
  span<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T>;
  /** The `traceparent` of the span that is active here. */
  traceparent(): string | undefined;
}

/** Makes none. */
export const NO_TRACER: Tracer = {
  content: false,
  span: async (_name, _options, work) => await work({ set: () => {}, fail: () => {} }),
  traceparent: () => undefined,
};
