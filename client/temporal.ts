import type { Client, WorkflowHandle } from "@temporalio/client";
import type { BlobReader } from "./blob-reader.js";
import { ClientError } from "./client-error.js";
import { type Decode, decoderOf } from "./decoding.js";
import { lenientClient } from "./lenient-client.js";
import { toClientError } from "./temporal-errors.js";

/** A workflow's history, as Temporal keeps it. */
export type History = Awaited<ReturnType<WorkflowHandle["fetchHistory"]>>;
/** One event of a workflow's history, as the server sends it. */
export type HistoryEvent = NonNullable<History["events"]>[number];

/** A Temporal server as this library uses it. */
export interface Temporal {
  readonly client: Client;
  /** For lists and descriptions. */
  readonly onlooker: Client;
  /** `host:port`. */
  readonly address: string;
  readonly namespace: string;
  /** Where runs are started. */
  readonly taskQueue: string;
  readonly uiUrl: string;
  /** Where transcripts and files are read from. @throws ClientError where nobody handed a reader in */
  readonly blobs: () => BlobReader;
  /** Makes one call, within the time that a call may take. @throws ClientError */
  call<T>(make: () => Promise<T>, about?: CallAbout): Promise<T>;
  readonly decode: Decode;
}

interface CallAbout {
  readonly workflowId?: string;
  readonly needsWorker?: boolean;
  /** The call waits by itself, as long as this says. @default the client's `timeoutMs` */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface TemporalParts {
  readonly client: Client;
  readonly address: string;
  readonly taskQueue: string;
  readonly uiUrl: string;
  readonly blobs: BlobReader | undefined;
  readonly timeoutMs: number;
}

export function createTemporal({ client, blobs, timeoutMs, ...place }: TemporalParts): Temporal {
  const { namespace, loadedDataConverter } = client.options;
  return {
    ...place,
    client,
    onlooker: lenientClient(client),
    namespace,
    blobs() {
      if (blobs) return blobs;
      const advice = "Hand one in: connect({ blobs: { get: async (address) => … } }).";
      throw new ClientError(
        "configuration",
        "transcripts and files are in the blob store, and there is no reader of it",
        advice,
      );
    },
    async call(make, about = {}) {
      const { connection } = client;
      const deadline = Date.now() + (about.timeoutMs ?? timeoutMs);
      const timed = async () => await connection.withDeadline(deadline, make);
      try {
        return await (about.signal ? connection.withAbortSignal(about.signal, timed) : timed());
      } catch (error) {
        throw toClientError(error, { ...place, namespace, ...about });
      }
    },
    decode: decoderOf(loadedDataConverter),
  };
}
