import type { OutgoingRecord, StoredRecords } from "../core/activity-contract.js";
import type { AuditRecord } from "../core/audit.js";
import type { BlobAddress } from "../core/transcript.js";
import { readBlobText } from "./blob-reader.js";
import { ClientError } from "./client-error.js";
import type { Temporal } from "./temporal.js";

/** Audit records as they leave a run, each as often as it is sent. */
export interface RecordBook {
  add(records: readonly OutgoingRecord[]): void;
  /** Those in the store too, which come before. */
  addStored(newest: BlobAddress): Promise<void>;
  /** The log has everything up to this place in the order of going out. */
  taken(upTo: number): void;
  readonly facts: () => {
    /** In order, each once. */
    readonly records: readonly AuditRecord[];
    /** So many of them the log has taken. */
    readonly taken: number;
    /** Why there may be more. */
    readonly gaps: readonly string[];
  };
}

export function createRecordBook(temporal: Pick<Temporal, "blobs">): RecordBook {
  const found = new Map<number, { readonly record: AuditRecord; readonly place: number }>();
  const read = new Set<BlobAddress>();
  const gaps: string[] = [];
  let takenUpTo = 0;

  const add = (records: readonly OutgoingRecord[]) => {
    for (const { topic, seq: place, value } of records) {
      const record = value as unknown as AuditRecord;
      if (topic === "audit" && !found.has(record.seq)) found.set(record.seq, { record, place });
    }
  };
  return {
    add,
    async addStored(newest) {
      for (let at: BlobAddress | null = newest; at !== null && !read.has(at); ) {
        read.add(at);
        const { prev, records }: StoredRecords = await stored(temporal, at).catch((error: unknown) => {
          if (!(error instanceof ClientError)) throw error;
          gaps.push(`records that it stored while the log was away can't be read (${error.message})`);
          return { prev: null, records: [] };
        });
        add(records);
        at = prev;
      }
    },
    taken(upTo) {
      takenUpTo = Math.max(takenUpTo, upTo);
    },
    facts() {
      const inOrder = [...found.values()].sort((one, other) => one.record.seq - other.record.seq);
      const taken = inOrder.findLast(({ place }) => place <= takenUpTo)?.record.seq ?? 0;
      return { records: inOrder.map(({ record }) => record), taken, gaps };
    },
  };
}

async function stored(temporal: Pick<Temporal, "blobs">, address: BlobAddress): Promise<StoredRecords> {
  return JSON.parse(await readBlobText(temporal.blobs(), address)) as StoredRecords;
}
