import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { packageRoot } from "./tool-finder.js";

/** A module of this folder for a process of its own: source or built, as this one is. */
export function ownModule(name: string): { readonly modulePath: string; readonly execArgv: readonly string[] } {
  const extension = extname(import.meta.url);
  const modulePath = fileURLToPath(new URL(`./${name}${extension}`, import.meta.url));
  const loader = extension === ".ts" ? ["--import", join(packageRoot(), "scripts/typescript.mjs")] : [];
  return { modulePath, execArgv: ["--disable-warning=ExperimentalWarning", ...loader] };
}
