import "node:timers/promises"; // breaks style/noRestrictedImports
import "fast-check";
import "../../workers/compose.js";

beforeAll(async () => await new Promise((resolve) => setTimeout(resolve, 10))); // breaks style/noRestrictedGlobals
test.only("alone", () => undefined); // breaks suspicious/noFocusedTests
test.skip("later", () => undefined); // breaks suspicious/noSkippedTests
