import { describe } from "@jest/globals";
import { createMemoryLocks } from "../../../adapters/memory/locks.js";
import { createMemoryRateLimiter } from "../../../adapters/memory/rate-limiter.js";
import { createMemoryResponseCache } from "../../../adapters/memory/response-cache.js";
import { locksSuite } from "../../ports/locks.suite.js";
import { rateLimiterSuite } from "../../ports/rate-limiter.suite.js";
import { jitterSuite, responseCacheSuite } from "../../ports/response-cache.suite.js";

describe("answers of one process", () => {
  responseCacheSuite({ open: async () => createMemoryResponseCache() });
  jitterSuite();
});
describe("limits of one process", () => rateLimiterSuite({ open: async () => createMemoryRateLimiter() }));
describe("locks of one process", () => locksSuite({ open: async () => createMemoryLocks() }));
