/** One record of a topic: `value` is the text of one JSON document. */
export interface LogRecord {
  readonly key: string;
  readonly value: string;
}

/**
 * Where events and audit records go.
 * Promise: when `publish` resolves, every record is stored, in order within a key. It may store a record twice (consumers
 * dedupe on the event's id); it never drops one silently.
 */
export interface EventLog {
  publish(topic: string, records: readonly LogRecord[]): Promise<void>;
  close(): Promise<void>;
}
