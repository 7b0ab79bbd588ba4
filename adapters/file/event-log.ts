import { statSync } from "node:fs";
import { join } from "node:path";
import { invariant } from "../../core/invariant.js";
import { isJsonText } from "../../core/json-check.js";
import type { EventLog, EventReader, LogRecord, ReadOptions, ReadRecord } from "../../ports/event-log.js";
import { readLines } from "./line-reader.js";
import { createLineWriter, type LineWriter } from "./line-writer.js";
import { topicFile } from "./topic-file.js";

export interface FileEventLogOptions {
  /** Such as `.wflo`; made when the first record comes. */
  readonly folder: string;
  /** The topics that have a file of their own name: `events.jsonl`, `audit.jsonl`. @default wflo.events, wflo.audit */
  readonly topics?: { readonly events: string; readonly audit: string };
}

/**
 * A topic is a file of JSON lines, for all processes of one machine: whole lines, flushed to the disk before `publish`
 * resolves; a position is a byte of the file. Keys are not kept: the documents have them (`subject`, `workflowId`).
 */
export function createFileEventLog({
  folder,
  topics = { events: "wflo.events", audit: "wflo.audit" },
}: FileEventLogOptions): EventLog & EventReader {
  const writers = new Map<string, LineWriter>();
  const closing = new AbortController();
  const pathOf = (topic: string) => join(folder, topicFile(topic, topics));
  return {
    async publish(topic, records) {
      invariant(!closing.signal.aborted, "nothing is published to a closed event log");
      if (records.length === 0) return;
      const path = pathOf(topic);
      const writer = writers.get(path) ?? createLineWriter(path, { durable: true });
      writers.set(path, writer);
      await writer.append(records.map(lineOf));
    },
    read: (topic, options = {}) => readTopic(pathOf(topic), options, closing.signal),
    async close() {
      closing.abort();
      for (const writer of writers.values()) await writer.idle();
    },
  };
}

function readTopic(
  path: string,
  { from = "start", follow = false, signal }: ReadOptions,
  closed: AbortSignal,
): AsyncIterable<ReadRecord> {
  // Looked up at the call, not at the first `next`: what is published in between counts as later.
  const offset = from === "end" ? sizeOf(path) : from === "start" ? 0 : offsetOf(from);
  const lines = readLines(path, {
    from: offset,
    follow,
    signal: signal ? AbortSignal.any([signal, closed]) : closed,
  });
  return recordsOf(lines);
}

async function* recordsOf(lines: ReturnType<typeof readLines>): AsyncGenerator<ReadRecord> {
  for await (const { text, end } of lines) {
    // A line that a dying process tore is no record; its publisher has published it again.
    if (isJsonText(text)) yield { value: text, position: String(end) };
  }
}

/** One line a record: a newline in a JSON text can only be white space. */
function lineOf({ value }: LogRecord): string {
  invariant(isJsonText(value), `a record is one JSON document: ${value.slice(0, 80)}`);
  return /[\r\n]/.test(value) ? JSON.stringify(JSON.parse(value)) : value;
}

function offsetOf(position: string): number {
  if (/^\d{1,15}$/.test(position)) return Number(position);
  throw new RangeError(`${JSON.stringify(position)} is no position of an event file: start, end, or what a read gave`);
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
