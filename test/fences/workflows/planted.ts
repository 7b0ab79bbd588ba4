import "@temporalio/workflow";
import "../core/ledger.js";
import "./calls.js";
import "../ports/models.js"; // breaks style/noRestrictedImports
import "../activities/call-model.js"; // breaks style/noRestrictedImports
import type { ModelActivities } from "../activities/index.js"; // breaks style/noRestrictedImports
import "@temporalio/activity"; // breaks style/noRestrictedImports
import "@noble/hashes/sha2.js"; // breaks style/noRestrictedImports
import "node:crypto"; // breaks style/noRestrictedImports
import "zod"; // breaks style/noRestrictedImports

export const region = (_: ModelActivities) => process.env; // breaks style/noRestrictedGlobals
export const page = async () => await fetch("http://localhost"); // breaks style/noRestrictedGlobals
