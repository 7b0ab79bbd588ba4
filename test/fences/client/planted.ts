import "@temporalio/client";
import "@temporalio/envconfig";
import "../core/run.js";
import "./run-handle.js";
import "../workers/compose.js"; // breaks style/noRestrictedImports
import "../workflows/agent-run.js"; // breaks style/noRestrictedImports
import "../ports/object-store.js"; // breaks style/noRestrictedImports
import "@temporalio/worker"; // breaks style/noRestrictedImports
