import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { AuditRecord } from "../core/audit.js";
import type { WorkerRecord } from "../core/worker-audit.js";
import type { ReadRecord } from "../ports/event-log.js";
import { WrongUse } from "./problems.js";

/** What an audit log has. */
export interface AuditLog {
  /** The records of runs by run, in the log's order. */
  readonly chains: readonly (readonly AuditRecord[])[];
  /** What worker processes wrote of their own. */
  readonly workers: readonly WorkerRecord[];
  /** Where something stands that nobody of us has written. */
  readonly strays: readonly string[];
}

/** One record of an audit log, and whose it is. */
export type LoggedRecord =
  | { readonly of: "run"; readonly record: AuditRecord }
  | { readonly of: "worker"; readonly record: WorkerRecord };

/** Sorts a log's entries by who wrote them. @param workflowId only this run's, and the workers' */
export async function readAuditLog(entries: AsyncIterable<ReadRecord>, workflowId?: string): Promise<AuditLog> {
  const chains = new Map<string, AuditRecord[]>();
  const workers: WorkerRecord[] = [];
  const strays: string[] = [];
  for await (const { value, position } of entries) {
    const entry = loggedRecord(value);
    if (!entry) strays.push(position);
    if (entry?.of === "worker") workers.push(entry.record);
    if (entry?.of !== "run") continue;
    const { record } = entry;
    if (workflowId !== undefined && record.workflowId !== workflowId) continue;
    const key = `${record.workflowId}\n${record.firstRunId}`;
    const chain = chains.get(key) ?? [];
    chains.set(key, chain);
    chain.push(record);
  }
  return { chains: [...chains.values()], workers, strays };
}

/** Undefined: neither a run nor a worker has written this. */
export function loggedRecord(value: string): LoggedRecord | undefined {
  try {
    const record = JSON.parse(value) as Partial<AuditRecord & WorkerRecord> | null;
    if (typeof record?.workflowId === "string" && typeof record.firstRunId === "string") {
      return { of: "run", record: record as AuditRecord };
    }
    if (typeof record?.worker === "string" && typeof record.boot === "string") {
      return { of: "worker", record: record as WorkerRecord };
    }
    return undefined;
  } catch {
    return undefined;
  }
}

/** A log that was saved as JSON lines; a position is the number of a line. @throws WrongUse for a file that can't be read */
export async function* savedLog(path: string): AsyncGenerator<ReadRecord> {
  let line = 0;
  try {
    for await (const value of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
      line += 1;
      if (value.trim() !== "") yield { value, position: String(line) };
    }
  } catch (error) {
    throw new WrongUse(`${path} can't be read: ${(error as Error).message}`);
  }
}
