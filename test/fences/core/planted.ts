import "@noble/hashes/sha2.js";
import "./other.js";
import "./sub/deep.js"; // breaks style/noRestrictedImports
import "../ports/models.js"; // breaks style/noRestrictedImports
import "../workflows/agent-run.js"; // breaks style/noRestrictedImports
import "node:crypto"; // breaks style/noRestrictedImports
import "zod"; // breaks style/noRestrictedImports
import "@temporalio/workflow"; // breaks style/noRestrictedImports

export const now = () => Date.now(); // breaks style/noRestrictedGlobals
export const environment = () => process.env; // breaks style/noRestrictedGlobals
export const later = (then: () => void) => setTimeout(then, 1); // breaks style/noRestrictedGlobals
