import { randomBytes } from "node:crypto";
import { link, mkdir, open, readdir, readFile, rename, unlink } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import type { ObjectStore } from "../../ports/object-store.js";

/** Where values are written before they get their name; what a killed process leaves here is harmless. */
const SCRATCH = ".scratch";

/**
 * Objects as files below `root`, for all processes of one machine (or of one network file system with hard links).
 * A value is written aside and then named: by `rename` (overwrite) or `link` (which fails where the name is taken, so that
 * one racer wins). With `durable` it is flushed to the disk before it is named, and survives a power cut.
 */
export function createFileObjectStore({
  root,
  durable = true,
}: {
  readonly root: string;
  readonly durable?: boolean;
}): ObjectStore {
  const top = resolve(root);
  const made = new Set<string>();
  const folder = async (path: string) => {
    if (made.has(path)) return;
    await mkdir(path, { recursive: true });
    made.add(path);
  };
  const pathOf = (key: string) => {
    if (
      !/^[A-Za-z0-9._=/-]{1,512}$/.test(key) ||
      key.split("/").some((part) => part === "" || part === "." || part === "..")
    ) {
      throw new RangeError(`${JSON.stringify(key)} is not a key of the object store`);
    }
    return join(top, ...key.split("/"));
  };
  const writeAside = async (value: Uint8Array) => {
    const aside = join(top, SCRATCH, `${process.pid}-${randomBytes(9).toString("hex")}`);
    await folder(join(top, SCRATCH));
    const file = await open(aside, "wx", 0o600);
    try {
      await file.writeFile(value);
      if (durable) await file.datasync();
    } finally {
      await file.close();
    }
    return aside;
  };
  return {
    description: `file:${root}`,
    async get(key) {
      return await readFile(pathOf(key)).catch(ifAbsent(undefined));
    },
    async put(key, value) {
      const path = pathOf(key);
      const aside = await writeAside(value);
      await folder(dirname(path));
      await rename(aside, path);
    },
    async putIfAbsent(key, value) {
      const path = pathOf(key);
      const aside = await writeAside(value);
      await folder(dirname(path));
      try {
        await link(aside, path);
        return true;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
        throw error;
      } finally {
        await unlink(aside);
      }
    },
    async list(prefix) {
      const names = await readdir(pathOf(prefix.replace(/\/$/, "")), { recursive: true, withFileTypes: true }).catch(
        ifAbsent([]),
      );
      const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
      return files
        .map((path) =>
          path
            .slice(top.length + 1)
            .split(sep)
            .join("/"),
        )
        .sort();
    },
    async delete(key) {
      await unlink(pathOf(key)).catch(ifAbsent(undefined));
    },
  };
}

function ifAbsent<T>(otherwise: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return otherwise;
    throw error;
  };
}
