import "../core/run.js";
import "../ports/models.js";
import "../agents/agent.js";
import "../client/client.js";
import "../adapters/kafka/inbox.js"; // breaks style/noRestrictedImports
import "../workers/compose.js"; // breaks style/noRestrictedImports
import "kafkajs"; // breaks style/noRestrictedImports
