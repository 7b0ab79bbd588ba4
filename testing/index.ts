/**
 * `wflo/testing`: models that play scripts, and stores that live in memory.
 * @module
 */

export { createMemoryEventLog } from "../adapters/memory/event-log.js";
export { createMemoryObjectStore } from "../adapters/memory/object-store.js";
export { type RecordingModels, scriptedModels } from "./scripted-models.js";
