import type { SandboxLimits, SandboxRequest } from "../../ports/sandbox.js";

/** What has to be known of a request before its sandbox can be set up: the rest comes when it runs. */
export interface Shape {
  readonly language: SandboxRequest["language"];
  readonly limits: SandboxLimits;
  readonly hasNetwork: boolean;
}
