import "../core/other.js";
import "../ports/key-ring.js";
import "@temporalio/common";
import "node:crypto";
import "../adapters/file/blobs.js"; // breaks style/noRestrictedImports
import "../client/client.js"; // breaks style/noRestrictedImports
import "@temporalio/client"; // breaks style/noRestrictedImports
