import "@temporalio/activity";
import "node:crypto";
import "../core/money.js";
import "../ports/models.js";
import "./call-model.js";
import "../adapters/models/providers.js"; // breaks style/noRestrictedImports
import "../workflows/agent-run.js"; // breaks style/noRestrictedImports
import "../workers/config.js"; // breaks style/noRestrictedImports
import "node:fs"; // breaks style/noRestrictedImports
import "@aws-sdk/client-s3"; // breaks style/noRestrictedImports
import "@temporalio/client"; // breaks style/noRestrictedImports
