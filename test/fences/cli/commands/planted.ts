import "commander";
import "../../client/index.js";
import "../../workers/compose.js";
import "../output.js";
import "../../test/harness/parts.js"; // breaks style/noRestrictedImports
import "@ai-sdk/openai"; // breaks style/noRestrictedImports
import "prom-client"; // breaks style/noRestrictedImports

console.log("the command line may");
