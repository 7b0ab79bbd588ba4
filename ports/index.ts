/**
 * `wflo/ports`: what Wflo needs of the outside, for whoever writes an adapter. Each port's promise is in its own words.
 * @module
 */

export type { EventLog, EventReader, LogRecord, ReadOptions, ReadRecord } from "./event-log.js";
export type { EncryptionKey, KeyRing } from "./key-ring.js";
export type { LogFacts, Logger, LogLevel } from "./logger.js";
export type { Labels, Meters } from "./meters.js";
export {
  type AskedToolCall,
  type FinishReason,
  type ModelAnswer,
  ModelCallFailed,
  type ModelCallOptions,
  type ModelFacts,
  type ModelFailureKind,
  type ModelRequest,
  type Models,
  type ToolDescription,
} from "./models.js";
export { checkKey, checkPrefix, type ObjectStore, StoreUnavailable, type WriteOptions } from "./object-store.js";
export {
  DEFAULT_SANDBOX_LIMITS,
  type Sandbox,
  type SandboxCheck,
  type SandboxLanguage,
  type SandboxLimits,
  type SandboxRequest,
  type SandboxResult,
  SandboxUnavailable,
  type WorkspaceFile,
} from "./sandbox.js";
export type { SecretStore } from "./secret-store.js";
export type { StreamedToken, TokenEntry, TokenStream } from "./token-stream.js";
