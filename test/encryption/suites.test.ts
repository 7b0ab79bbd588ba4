import { randomBytes } from "node:crypto";
import { describe } from "@jest/globals";
import { createMemoryEventLog } from "../../adapters/memory/event-log.js";
import { createMemoryObjectStore } from "../../adapters/memory/object-store.js";
import { createMemoryResponseCache } from "../../adapters/memory/response-cache.js";
import { createMemoryTokenStream } from "../../adapters/memory/token-stream.js";
import { encryptedEventLog } from "../../encryption/event-log.js";
import { createKeyRing } from "../../encryption/key-ring.js";
import { encryptedObjectStore } from "../../encryption/object-store.js";
import { encryptedResponseCache, LONGEST_SEALED } from "../../encryption/response-cache.js";
import { encryptedTokenStream } from "../../encryption/token-stream.js";
import { eventLogSuite } from "../ports/event-log.suite.js";
import { objectStoreSuite } from "../ports/object-store.suite.js";
import { responseCacheSuite } from "../ports/response-cache.suite.js";
import { tokenStreamSuite } from "../ports/token-stream.suite.js";

/* What is sealed keeps the promises of what is not. */

const ring = createKeyRing([{ id: "k1", secret: randomBytes(32) }]);
const objects = createMemoryObjectStore();

describe("a sealed object store", () => objectStoreSuite({ open: async () => encryptedObjectStore(objects, ring) }));
describe("a sealed event log", () =>
  eventLogSuite({ open: async () => encryptedEventLog(createMemoryEventLog(), ring) }));
describe("a sealed token stream", () =>
  tokenStreamSuite({ open: async () => encryptedTokenStream(createMemoryTokenStream(), ring) }));
describe("a sealed response cache", () =>
  responseCacheSuite({
    open: async () => encryptedResponseCache(createMemoryResponseCache({ longest: LONGEST_SEALED }), ring),
  }));
