import "@temporalio/worker";
import "../adapters/models/providers.js";
import "../activities/index.js";
import "../client/index.js";
import "./compose.js";
import "./sub/deep.js"; // breaks style/noRestrictedImports
import "../cli/output.js"; // breaks style/noRestrictedImports
import "../test/harness/parts.js"; // breaks style/noRestrictedImports
import "@aws-sdk/client-s3"; // breaks style/noRestrictedImports
import "pino"; // breaks style/noRestrictedImports
