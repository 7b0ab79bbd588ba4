import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../../workers/tool-finder.js";
import { type History, plainHistory } from "../harness/histories.js";

/** A history in the repository. */
export interface KeptHistory {
  readonly name: string;
  readonly history: History;
}

const FOLDER = join(packageRoot(), "test/replay/histories");

/** All kept histories, by name. */
export async function keptHistories(): Promise<readonly KeptHistory[]> {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith(".json")).sort();
  return await Promise.all(
    files.map(async (file) => ({
      name: file.replace(/\.json$/, ""),
      history: JSON.parse(await readFile(join(FOLDER, file), "utf8"), revived) as History,
    })),
  );
}

/** Keeps a history, without what is of this machine: names of processes, paths in stack traces. */
export async function keepHistory(name: string, history: History): Promise<void> {
  const text = JSON.stringify(plain(plainHistory(history)), undefined, 1);
  await writeFile(join(FOLDER, `${name}.json`), `${text}\n`);
}

/** Bytes as base64; what only this machine has is left out. */
function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return { $base64: Buffer.from(value as Uint8Array).toString("base64") };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => {
    if (name === "identity") return [name, "worker"];
    return [name, name === "stackTrace" ? "" : plain(member)];
  });
  return Object.fromEntries(members);
}

function revived(_key: string, value: unknown): unknown {
  const { $base64: bytes } = (value ?? {}) as { $base64?: unknown };
  return typeof bytes === "string" ? new Uint8Array(Buffer.from(bytes, "base64")) : value;
}
