import { createBubblewrapSandbox } from "../../../adapters/sandbox/bubblewrap.js";
import { describeWith } from "../../harness/real-part.js";
import { sandboxSuite } from "../../ports/sandbox.suite.js";

describeWith("bubblewrap", (path) => {
  sandboxSuite({ open: async () => createBubblewrapSandbox({ programPath: path }) });
});
