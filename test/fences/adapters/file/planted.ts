import "node:fs/promises";
import "../../core/json.js";
import "../../ports/event-log.js";
import "@aws-sdk/client-s3"; // breaks style/noRestrictedImports
import "../../workers/config.js"; // breaks style/noRestrictedImports
