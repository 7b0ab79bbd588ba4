import "./other.js";
import "../core/money.js";
import "../adapters/file/blobs.js"; // breaks style/noRestrictedImports
import "../activities/call-model.js"; // breaks style/noRestrictedImports
import "node:stream"; // breaks style/noRestrictedImports
import "ajv"; // breaks style/noRestrictedImports
