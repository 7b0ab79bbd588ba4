/** One record of a topic: `value` is the text of one JSON document. */
export interface LogRecord {
  readonly key: string;
  readonly value: string;
  /** The trace that it belongs to (W3C); goes where a log's messages have headers. */
  readonly traceparent?: string;
}

/**
 * Where events and audit records go.
 * Promise: when `publish` resolves, every record is stored, in order within a key. It may store a record twice (consumers
 * dedupe on the event's id); it never drops one silently.
 */
export interface EventLog {
  /** What it is in OpenTelemetry's words (`messaging.system`), where it is a messaging system: a file is none. */
  readonly system?: "kafka" | undefined;
  publish(topic: string, records: readonly LogRecord[]): Promise<void>;
  close(): Promise<void>;
}

/** A record as it is read, and where to go on after it. */
export interface ReadRecord {
  /** The text of one JSON document, on one line. */
  readonly value: string;
  /** Opaque; hand it to a later `read` as `from`. */
  readonly position: string;
}

/** How to read a topic. */
export interface ReadOptions {
  /**
   * `start`: everything that is kept · `end`: what is published once `read` has been called · a position: what comes after
   * it. A position that the log no longer has reads from the start. @default "start"
   */
  readonly from?: "start" | "end" | (string & {});
  /** Wait for what comes once everything is read. @default false */
  readonly follow?: boolean;
  /** Ends the reading, without an error. */
  readonly signal?: AbortSignal;
}

/** Reads what an event log keeps: every record at least once, in the order of each key. A topic without records is empty. */
export interface EventReader {
  read(topic: string, options?: ReadOptions): AsyncIterable<ReadRecord>;
}
