import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createEgressProcess } from "../adapters/egress/own-process.js";
import type { Egress } from "../ports/egress.js";
import { packageRoot } from "./tool-finder.js";

/** The egress proxy of this worker, in a process of its own that is started when code first needs it. */
export function openEgress(): Egress {
  const extension = extname(import.meta.url);
  const modulePath = fileURLToPath(new URL(`./egress-main${extension}`, import.meta.url));
  const loader = extension === ".ts" ? ["--import", join(packageRoot(), "scripts/typescript.mjs")] : [];
  return createEgressProcess({ modulePath, execArgv: ["--disable-warning=ExperimentalWarning", ...loader] });
}
