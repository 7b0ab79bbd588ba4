import { type AuditRecord, appendRecord } from "../core/audit.js";
import type { JsonObject } from "../core/json.js";
import {
  HEADS_SIGNED,
  headsOf,
  openWorkerChain,
  type RunHead,
  signedText,
  type WorkerName,
  type WorkerRecord,
} from "../core/worker-audit.js";
import type { AuditKey } from "../ports/audit-key.js";
import type { EventLog, LogRecord } from "../ports/event-log.js";

export interface WitnessOptions {
  /** Of the audit records. */
  readonly topic: string;
  readonly name: WorkerName;
  /** Undefined: nothing is signed, so no heads are noted. */
  readonly key?: AuditKey | undefined;
  readonly now: () => Date;
}

/** A log on which this process keeps a chain of its own. */
export interface WitnessedLog extends EventLog {
  /** Notes something of the worker itself. A log that is away takes it with the next records. */
  note(action: string, facts: JsonObject): Promise<void>;
}

/**
 * Puts the heads of the runs whose audit records are published into the process's own, signed chain, with the same
 * publication. What a log did not acknowledge goes out again with the next one.
 */
export function witnessedEventLog(log: EventLog, { topic, name, key, now }: WitnessOptions): WitnessedLog {
  let chain = openWorkerChain(name);
  const unsettled = new Map<number, { readonly record: WorkerRecord; readonly about: string }>();

  const append = (action: string, facts: JsonObject, about: string) => {
    const fact = { ...name, at: now().toISOString(), action, facts, ...(key ? { key: key.id } : {}) };
    const next = appendRecord(chain, fact);
    chain = next.chain;
    const signature = key ? { signature: key.sign(signedText(next.record.hash)) } : {};
    unsettled.set(next.record.seq, { record: { ...next.record, ...signature }, about });
  };
  const noteHeads = (heads: readonly RunHead[]) => {
    const about = JSON.stringify(heads);
    // A publication that is tried again has its heads noted already.
    const isNoted = heads.length === 0 || [...unsettled.values()].some((one) => one.about === about);
    if (!isNoted) append(HEADS_SIGNED, { heads: heads as unknown as JsonObject[] }, about);
  };
  const send = async (records: readonly LogRecord[]) => {
    const own = [...unsettled.entries()];
    const entries = own.map(([, { record }]) => ({ key: name.boot, value: JSON.stringify(record) }));
    await log.publish(topic, [...records, ...entries]);
    for (const [seq] of own) unsettled.delete(seq);
  };
  return {
    system: log.system,
    async publish(to, records) {
      if (to !== topic || records.length === 0) return await log.publish(to, records);
      if (key) noteHeads(headsOf(records.map(({ value }) => JSON.parse(value) as AuditRecord)));
      await send(records);
    },
    async note(action, facts) {
      append(action, facts, "");
      await send([]).catch(() => {});
    },
    close: async () => await log.close(),
  };
}
