import { join } from "node:path";
import { type Blobs, createBlobs } from "../activities/blobs.js";
import { createTranscripts, type Transcripts } from "../activities/transcript-store.js";
import { createFileEventLog } from "../adapters/file/event-log.js";
import { createFileInbox } from "../adapters/file/inbox.js";
import { createFileObjectStore } from "../adapters/file/object-store.js";
import { createFileTokenStream } from "../adapters/file/token-stream.js";
import { createKafkaEventLog } from "../adapters/kafka/event-log.js";
import { createKafkaInbox } from "../adapters/kafka/inbox.js";
import { createMemoryLocks } from "../adapters/memory/locks.js";
import { createMemoryRateLimiter } from "../adapters/memory/rate-limiter.js";
import { createMemoryResponseCache } from "../adapters/memory/response-cache.js";
import { connectRedis } from "../adapters/redis/connection.js";
import { createRedisLocks } from "../adapters/redis/locks.js";
import { createRedisRateLimiter } from "../adapters/redis/rate-limiter.js";
import { createRedisResponseCache } from "../adapters/redis/response-cache.js";
import { createRedisTokenStream } from "../adapters/redis/token-stream.js";
import { createS3ObjectStore } from "../adapters/s3/object-store.js";
import { encryptedEventLog } from "../encryption/event-log.js";
import { encryptedObjectStore } from "../encryption/object-store.js";
import { encryptedResponseCache, LONGEST_SEALED } from "../encryption/response-cache.js";
import { encryptedTokenStream } from "../encryption/token-stream.js";
import type { EventLog, EventReader } from "../ports/event-log.js";
import type { Inbox } from "../ports/inbox.js";
import type { Locks } from "../ports/locks.js";
import type { ObjectStore } from "../ports/object-store.js";
import type { RateLimiter } from "../ports/rate-limiter.js";
import type { ResponseCache } from "../ports/response-cache.js";
import type { TokenStream } from "../ports/token-stream.js";
import type { Config } from "./config.js";

/** What is kept outside Temporal; enough for whoever only reads (the command line). */
export interface Stores {
  /** As it is kept: sealed where there is encryption. */
  readonly stored: ObjectStore;
  readonly objects: ObjectStore;
  readonly blobs: Blobs;
  readonly transcripts: Transcripts;
  readonly eventLog: EventLog & EventReader;
  readonly tokens: TokenStream;
  readonly cache: ResponseCache;
  readonly limiter: RateLimiter;
  readonly locks: Locks;
  close(): Promise<void>;
}

/** Opens what the settings name; nothing is read or written yet. @param onProblem told where Redis or Kafka is away, and back */
export function openStores(config: Config, onProblem?: (message: string) => void): Stores {
  const { stateFolder, topics } = config;
  const { keyRing: ring } = config;
  const { objects: stored, closeObjects } = openObjects(config);
  const objects = ring ? encryptedObjectStore(stored, ring) : stored;
  const blobs = createBlobs(objects);
  const log = config.kafka
    ? createKafkaEventLog(config.kafka, onProblem)
    : createFileEventLog({ folder: stateFolder, topics });
  const eventLog = ring ? encryptedEventLog(log, ring) : log;
  const { closeShared, ...shared } = openShared(config, onProblem);
  return {
    stored,
    objects,
    blobs,
    transcripts: createTranscripts(blobs),
    eventLog,
    ...shared,
    async close() {
      await closeShared();
      await eventLog.close();
      closeObjects();
    },
  };
}

/** Where events come from: Kafka, or the event file. @param onProblem told where Kafka is away, and back */
export function openInbox(config: Config, onProblem: (message: string) => void): Inbox {
  const { kafka, stateFolder, topics } = config;
  return kafka ? createKafkaInbox(kafka, onProblem) : createFileInbox({ folder: stateFolder, topics });
}

type Shared = Pick<Stores, "tokens" | "cache" | "limiter" | "locks"> & { readonly closeShared: () => Promise<void> };

/** What workers share through Redis; without it, each process or machine has its own. */
function openShared({ redisUrl, stateFolder, keyRing }: Config, onProblem?: (message: string) => void): Shared {
  const sealed = (tokens: TokenStream) => (keyRing ? encryptedTokenStream(tokens, keyRing) : tokens);
  if (redisUrl === undefined) {
    const tokens = sealed(createFileTokenStream({ folder: join(stateFolder, "streams") }));
    return {
      tokens,
      cache: createMemoryResponseCache(),
      limiter: createMemoryRateLimiter(),
      locks: createMemoryLocks(),
      closeShared: async () => await tokens.close(),
    };
  }
  const connection = connectRedis({ url: redisUrl, ...(onProblem ? { onProblem } : {}) });
  const tokens = sealed(createRedisTokenStream(connection));
  return {
    tokens,
    cache: keyRing
      ? encryptedResponseCache(createRedisResponseCache(connection, { longest: LONGEST_SEALED }), keyRing)
      : createRedisResponseCache(connection),
    limiter: createRedisRateLimiter(connection, createMemoryRateLimiter()),
    locks: createRedisLocks(connection),
    async closeShared() {
      await tokens.close();
      await connection.close();
    },
  };
}

function openObjects({ blobs: place, environment }: Config): { objects: ObjectStore; closeObjects: () => void } {
  if (place.kind === "file") return { objects: createFileObjectStore({ root: place.folder }), closeObjects: () => {} };
  const objects = createS3ObjectStore({ bucket: place.bucket, prefix: place.prefix, environment });
  return { objects, closeObjects: () => objects.close() };
}
