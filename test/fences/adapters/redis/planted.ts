import "ioredis";
import "node:fs";
import "../../core/money.js";
import "../../ports/models.js";
import "./other.js";
import "@ai-sdk/openai"; // breaks style/noRestrictedImports
import "../file/event-log.js"; // breaks style/noRestrictedImports
import "../../activities/call-model.js"; // breaks style/noRestrictedImports
import "@temporalio/common"; // breaks style/noRestrictedImports
