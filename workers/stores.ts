import { join } from "node:path";
import { type Blobs, createBlobs } from "../activities/blobs.js";
import { createTranscripts, type Transcripts } from "../activities/transcript-store.js";
import { createFileEventLog } from "../adapters/file/event-log.js";
import { createFileObjectStore } from "../adapters/file/object-store.js";
import { createFileTokenStream } from "../adapters/file/token-stream.js";
import { createS3ObjectStore } from "../adapters/s3/object-store.js";
import type { EventLog, EventReader } from "../ports/event-log.js";
import type { ObjectStore } from "../ports/object-store.js";
import type { TokenStream } from "../ports/token-stream.js";
import type { Config } from "./config.js";

/** What is kept outside Temporal; enough for whoever only reads (the command line). */
export interface Stores {
  readonly objects: ObjectStore;
  readonly blobs: Blobs;
  readonly transcripts: Transcripts;
  readonly eventLog: EventLog & EventReader;
  readonly tokens: TokenStream;
  close(): Promise<void>;
}

/** Opens what the settings name; nothing is read or written yet. */
export function openStores(config: Config): Stores {
  const { stateFolder, topics } = config;
  const { objects, closeObjects } = openObjects(config);
  const blobs = createBlobs(objects);
  const eventLog = createFileEventLog({ folder: stateFolder, topics });
  const tokens = createFileTokenStream({ folder: join(stateFolder, "streams") });
  return {
    objects,
    blobs,
    transcripts: createTranscripts(blobs),
    eventLog,
    tokens,
    async close() {
      await tokens.close();
      await eventLog.close();
      closeObjects();
    },
  };
}

function openObjects({ blobs: place, environment }: Config): { objects: ObjectStore; closeObjects: () => void } {
  if (place.kind === "file") return { objects: createFileObjectStore({ root: place.folder }), closeObjects: () => {} };
  const objects = createS3ObjectStore({ bucket: place.bucket, prefix: place.prefix, environment });
  return { objects, closeObjects: () => objects.close() };
}
