import type { EgressRecord } from "../../core/egress.js";

/** What one execution asked for, by host. */
export interface Tally {
  /** @param why of what was refused or failed */
  count(asked: Pick<EgressRecord, "host" | "port" | "outcome">, why?: string): void;
  moved(
    asked: Pick<EgressRecord, "host" | "port">,
    bytes: { readonly sent?: number; readonly received?: number },
  ): void;
  readonly requests: () => number;
  readonly bytes: () => number;
  readonly records: () => readonly EgressRecord[];
}

/** A hostile program asks for a new name each time: so many are told of by name, and the others together. */
const MOST_RECORDS = 16;
const OTHERS = "(others)";
const LONGEST_WHY = 120;

export function createTally(): Tally {
  const records = new Map<string, { -readonly [K in keyof EgressRecord]: EgressRecord[K] }>();
  let [requests, bytes] = [0, 0];
  const recordOf = ({ host, port, outcome }: Pick<EgressRecord, "host" | "port" | "outcome">) => {
    const isNew = !records.has(`${host}:${port} ${outcome}`);
    const [name, number] = isNew && records.size >= MOST_RECORDS ? [OTHERS, 0] : [host, port];
    const key = `${name}:${number} ${outcome}`;
    const record = records.get(key) ?? {
      host: name,
      port: number,
      outcome,
      requests: 0,
      bytesSent: 0,
      bytesReceived: 0,
    };
    records.set(key, record);
    return record;
  };
  return {
    count(asked, why) {
      requests += 1;
      const record = recordOf(asked);
      record.requests += 1;
      if (why !== undefined) record.why ??= why.slice(0, LONGEST_WHY);
    },
    moved(asked, { sent = 0, received = 0 }) {
      bytes += sent + received;
      const record = recordOf({ ...asked, outcome: "allowed" });
      record.bytesSent += sent;
      record.bytesReceived += received;
    },
    requests: () => requests,
    bytes: () => bytes,
    records: () => [...records.values()].sort((one, other) => other.requests - one.requests),
  };
}
