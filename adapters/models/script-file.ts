import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, isAbsolute, join } from "node:path";
import { ModelCallFailed } from "../../ports/models.js";
import { parseScript, type Script } from "./script.js";

/** Where scripts are found. */
export interface ScriptFolder {
  /** Folder of `NAME.json` (the variable WFLO_SCRIPTS). */
  readonly scriptsDir: string;
  /** `scripted//absolute/path` is allowed: not in production, nor for what comes from outside. */
  readonly allowPaths: boolean;
}

/** A script, and the name that its calls are booked under where it names no model. */
export interface LoadedScript {
  readonly script: Script;
  readonly name: string;
}

/** Scripts that one process keeps at the most; tests make many. */
const MOST_CACHED = 200;

/** Reads scripts; a file that has changed is read again. */
export interface ScriptFiles {
  /** @param name what stands after `scripted/` @throws ModelCallFailed `unknown-model`: no such file, or a wrong one */
  load(name: string): Promise<LoadedScript>;
}

export function createScriptFiles(folder: ScriptFolder): ScriptFiles {
  const cache = new Map<string, { readonly version: string; readonly loaded: LoadedScript }>();
  return {
    async load(name) {
      const path = scriptPath(folder, name);
      const version = fileVersion(path, folder);
      const cached = cache.get(path);
      if (cached?.version === version) return cached.loaded;
      const loaded = { script: await readScript(path), name: bookedName(name) };
      if (cache.size >= MOST_CACHED) cache.clear();
      cache.set(path, { version, loaded });
      return loaded;
    },
  };
}

/** `a/b` for `scripted/a/b`; of a path only the file's name, as paths are no names of models. */
function bookedName(name: string): string {
  return (isAbsolute(name) ? basename(name) : name).replace(/\.json$/, "");
}

function scriptPath({ scriptsDir, allowPaths }: ScriptFolder, name: string): string {
  const file = name.endsWith(".json") ? name : `${name}.json`;
  if (isAbsolute(file)) {
    if (allowPaths) return file;
    throw unknownScript(
      `scripted/${name}: a script's path is not allowed here; put the file into ${scriptsDir} (WFLO_SCRIPTS) and use scripted/NAME`,
    );
  }
  if (/^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/.test(file)) return join(scriptsDir, file);
  throw unknownScript(
    `scripted/${name}: a script's name has letters, digits, "-", "_" and "." only; or give its absolute path`,
  );
}

function fileVersion(path: string, { scriptsDir }: ScriptFolder): string {
  try {
    const { mtimeNs, size, ino } = statSync(path, { bigint: true });
    return `${mtimeNs}/${size}/${ino}`;
  } catch {
    throw unknownScript(
      `there is no script ${path}; scripted/NAME plays NAME.json from ${scriptsDir} (set WFLO_SCRIPTS for another folder)`,
    );
  }
}

async function readScript(path: string): Promise<Script> {
  const script = parseScript(await readJson(path));
  if (!("problems" in script)) return script;
  throw unknownScript(`the script ${path} is wrong: ${script.problems.join("; ")}`);
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw unknownScript(`the script ${path} cannot be read: ${(error as Error).message}`);
  }
}

function unknownScript(message: string): ModelCallFailed {
  return new ModelCallFailed(message, { kind: "unknown-model", billed: "none" });
}
