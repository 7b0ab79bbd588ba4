import type { EventLog, EventReader, LogRecord, ReadOptions, ReadRecord } from "../../ports/event-log.js";
import { createBell } from "./bell.js";

/** Keeps everything while its process lives: for tests. */
export interface MemoryEventLog extends EventLog, EventReader {
  /** What a topic has, oldest first. */
  records(topic: string): readonly LogRecord[];
}

export function createMemoryEventLog(): MemoryEventLog {
  const topics = new Map<string, LogRecord[]>();
  const bell = createBell();
  let isClosed = false;
  const of = (topic: string) => {
    const records = topics.get(topic) ?? [];
    topics.set(topic, records);
    return records;
  };
  async function* readFrom(
    records: readonly LogRecord[],
    from: number,
    { follow = false, signal }: ReadOptions,
  ): AsyncGenerator<ReadRecord> {
    const isOver = () => isClosed || signal?.aborted === true;
    signal?.addEventListener("abort", bell.ring, { once: true });
    for (let at = from > records.length ? 0 : from; !isOver(); ) {
      const record = records[at];
      if (record) {
        at += 1;
        yield { value: record.value, position: String(at) };
      } else if (follow) {
        await bell.next();
      } else {
        return;
      }
    }
  }
  return {
    async publish(topic, records) {
      of(topic).push(...records);
      bell.ring();
    },
    read(topic, options = {}) {
      const records = of(topic);
      const { from = "start" } = options;
      if (!/^(start|end|\d{1,15})$/.test(from)) throw new RangeError(`${JSON.stringify(from)} is no position`);
      return readFrom(records, from === "start" ? 0 : from === "end" ? records.length : Number(from), options);
    },
    records: of,
    async close() {
      isClosed = true;
      bell.ring();
    },
  };
}
