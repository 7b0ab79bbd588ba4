import { extname, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleWorkflowCode, DefaultLogger } from "@temporalio/worker";
import { packageRoot } from "./tool-finder.js";

const SOURCE_MAP = /^\/\/# sourceMappingURL=data:application\/json;charset=utf-8;base64,(\S+)$/m;

/** A module of the workflows room, of the same kind as this file: source, or built. */
const converter = (name: string) =>
  fileURLToPath(new URL(`../workflows/${name}${extname(import.meta.url)}`, import.meta.url));

interface SourceMap {
  sources: string[];
  sourcesContent?: (string | null)[];
}

/**
 * Bundles the workflows that `entry` exports, for a worker's `workflowBundle`. Its source map has paths from the
 * package's root, so that the same sources give the same bundle on every machine, and no texts of dependencies.
 * Throws with what the bundler says, such as a Node built-in that workflow code must not import.
 */
export async function buildWorkflowBundle(entry: string): Promise<string> {
  const complaints: string[] = [];
  const logger = new DefaultLogger("WARN", ({ message }) => complaints.push(message));
  const options = {
    workflowsPath: entry,
    failureConverterPath: converter("failure-converter"),
    payloadConverterPath: converter("payload-converter"),
    workflowInterceptorModules: [converter("trace-interceptors")],
    logger,
  };
  const { code } = await bundleWorkflowCode(options).catch((error: Error) => {
    throw new Error(`the workflow bundle can't be built: ${[error.message, ...complaints].join("\n")}`);
  });
  return code.replace(SOURCE_MAP, (_line, encoded: string) => {
    const map = portable(JSON.parse(Buffer.from(encoded, "base64").toString()) as SourceMap);
    const text = Buffer.from(JSON.stringify(map)).toString("base64");
    return `//# sourceMappingURL=data:application/json;charset=utf-8;base64,${text}`;
  });
}

/** The modules in a bundle, as paths from the package's root (`core/money.ts`, `node_modules/long/…`). */
export function bundledModules(bundle: string): string[] {
  const encoded = SOURCE_MAP.exec(bundle)?.[1];
  if (encoded === undefined) throw new Error("the workflow bundle has no source map, so its modules are unknown");
  return (JSON.parse(Buffer.from(encoded, "base64").toString()) as SourceMap).sources;
}

function portable(map: SourceMap): SourceMap {
  const root = packageRoot();
  const sources = map.sources.map((source) => source.replaceAll(`${root}${sep}`, ""));
  // The generated entry point's text has this machine's path in it.
  const isOurs = (source = "") => /\.[jt]s$/.test(source) && !source.includes("node_modules");
  const sourcesContent = (map.sourcesContent ?? []).map((text, index) => (isOurs(sources[index]) ? text : null));
  return { ...map, sources, sourcesContent };
}
