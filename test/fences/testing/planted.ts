import "../core/run.js";
import "../ports/models.js";
import "../adapters/memory/cache.js";
import "../adapters/models/scripted.js";
import "../adapters/s3/object-store.js"; // breaks style/noRestrictedImports
import "../workers/compose.js"; // breaks style/noRestrictedImports
import "@jest/globals"; // breaks correctness/noUndeclaredDependencies style/noRestrictedImports
