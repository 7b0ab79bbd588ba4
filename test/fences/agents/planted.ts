import "zod";
import "../core/agent.js";
import "../ports/sandbox.js";
import "./define.js";
import "../activities/run-tool.js"; // breaks style/noRestrictedImports
import "../adapters/models/scripted.js"; // breaks style/noRestrictedImports
import "@ai-sdk/openai"; // breaks style/noRestrictedImports
import "@temporalio/workflow"; // breaks style/noRestrictedImports
