import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { History } from "../client/index.js";
import { WrongUse } from "./problems.js";

const ADVICE = "Save one with `temporal workflow show --workflow-id ID --output json`, or from the Web UI.";

/** A history that was saved as JSON. @throws WrongUse that names the file and says what is wrong with it */
export async function readHistoryFile(file: string): Promise<History> {
  try {
    const json = JSON.parse(await readFile(file, "utf8")) as { readonly events?: readonly unknown[] };
    if (!Array.isArray(json?.events) || json.events.length === 0) throw new Error('it has no "events"');
    return historyFromJson(json);
  } catch (error) {
    throw new WrongUse(`${file} is not a history of a workflow: ${(error as Error).message}`, ADVICE);
  }
}

interface ProtoJson {
  fromJson(type: unknown, json: unknown, options: { readonly ignoreUnknownFields: boolean }): unknown;
}

interface ProtoRoot {
  lookupType(name: string): unknown;
}

/**
 * What the SDK's `historyFromJSON` does, with the copy of protobufjs that its types are made of. package.json pins one
 * protobufjs, with which the plain function works in a clone and in a fresh installation. Where an application has
 * another protobufjs already (gRPC brings version 7), npm nests ours once for each package of the SDK, and the plain
 * function mixes the copies up ("type must be a Type"): overrides of a dependency do not count there, so this stays.
 */
function historyFromJson(json: object): History {
  const require = createRequire(import.meta.url);
  const common = createRequire(require.resolve("@temporalio/common"));
  const proto = createRequire(common.resolve("@temporalio/proto"));
  const { patchProtobufRoot } = common("@temporalio/proto/lib/patch-protobuf-root") as {
    patchProtobufRoot(root: unknown): ProtoRoot;
  };
  const type = patchProtobufRoot(common("@temporalio/proto")).lookupType("temporal.api.history.v1.History");
  const { fromJson } = proto("protobufjs/ext/protojson") as ProtoJson;
  return fromJson(type, json, { ignoreUnknownFields: true }) as History;
}
