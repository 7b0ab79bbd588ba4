import { createBubblewrapSandbox } from "../../../adapters/sandbox/bubblewrap.js";
import { describeWith } from "../../harness/real-part.js";
import { sandboxNetworkSuite } from "../../ports/sandbox-network.suite.js";

describeWith("bubblewrap", (path) => {
  sandboxNetworkSuite((egress) => createBubblewrapSandbox({ programPath: path }, { egress }));
});
