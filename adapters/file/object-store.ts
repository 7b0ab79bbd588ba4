import { randomBytes } from "node:crypto";
import { linkSync, renameSync, statSync, unlinkSync } from "node:fs";
import { readdir, unlink } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { checkKey, checkPrefix, type ObjectStore, StoreUnavailable } from "../../ports/object-store.js";
import { makeFolder, syncFolder } from "./folder.js";
import { readWhole, writeNew } from "./whole-file.js";

/** Begins the names of values that are being written; no key has it. What a killed process leaves is never listed. */
const ASIDE = `+${process.pid}-${randomBytes(9).toString("hex")}-`;

let asideCount = 0;

/** What a person or time mends while the process goes on. */
const MAY_PASS: ReadonlySet<string> = new Set([
  ...["ENOSPC", "EDQUOT", "EMFILE", "ENFILE", "ENOMEM", "EAGAIN", "EBUSY", "EINTR", "EIO", "ESTALE", "ETIMEDOUT"],
]);

/**
 * Objects as files below `root`, for all processes of one machine (or of one network file system with hard links).
 * A value is written aside, in the folder where it will be, and then named: by `rename` (overwrite) or `link` (which fails
 * where the name is taken, so that one racer wins). With `durable` a value that is not `passing` is flushed to the
 * disk before it is named, and its name before the call returns: then it survives a power cut too.
 */
export function createFileObjectStore({
  root,
  durable = true,
}: {
  readonly root: string;
  readonly durable?: boolean;
}): ObjectStore {
  const top = resolve(root);
  const description = `file:${root}`;
  const pathOf = (key: string) => {
    checkKey(key);
    return join(top, ...key.split("/"));
  };
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw storeError(error as NodeJS.ErrnoException, `${description}: ${what}`);
    }
  };
  const named = async (path: string, passing: boolean) => {
    if (durable && !passing) await syncFolder(dirname(path));
  };
  return {
    description,
    async get(key) {
      const path = pathOf(key);
      return await attempt(`${key} cannot be read`, async () => {
        // Most that is looked for and absent is so at the first look, and an exception costs more than a look.
        return isThere(path) ? await readWhole(path).catch(ifAbsent(undefined)) : undefined;
      });
    },
    async put(key, value, { passing = false } = {}) {
      const path = pathOf(key);
      await attempt(`${key} cannot be written`, async () => {
        await writeAside(dirname(path), value, durable && !passing, (aside) => renameSync(aside, path));
        await named(path, passing);
      });
    },
    async putIfAbsent(key, value, { passing = false } = {}) {
      const path = pathOf(key);
      return await attempt(`${key} cannot be written`, async () => {
        const isFirst = !isThere(path) && (await writeAside(dirname(path), value, durable && !passing, linkTo(path)));
        // Also for the racer that lost: it relies on the winner's value as if it were its own.
        await named(path, passing);
        return isFirst;
      });
    },
    async list(prefix) {
      checkPrefix(prefix);
      const folder = join(top, ...prefix.slice(0, -1).split("/"));
      const entries = await attempt(
        `${prefix} cannot be listed`,
        async () => await readdir(folder, { recursive: true, withFileTypes: true }).catch(ifAbsent([])),
      );
      return entries
        .filter((entry) => entry.isFile() && !entry.name.startsWith("+"))
        .map((entry) =>
          join(entry.parentPath, entry.name)
            .slice(top.length + 1)
            .split(sep)
            .join("/"),
        )
        .sort();
    },
    async delete(key) {
      const path = pathOf(key);
      await attempt(`${key} cannot be deleted`, async () => await unlink(path).catch(ifAbsent(undefined)));
    },
  };
}

/** Writes a value under a name of its own and hands that to `name`; nothing is left of it then. */
async function writeAside<T>(
  folder: string,
  value: Uint8Array,
  durable: boolean,
  name: (aside: string) => T,
): Promise<T> {
  asideCount += 1;
  const aside = join(folder, `${ASIDE}${asideCount}`);
  try {
    await writeNew(aside, value, { durable }).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
      await makeFolder(folder, durable);
      await writeNew(aside, value, { durable });
    });
    return name(aside);
  } catch (error) {
    removeAside(aside);
    throw error;
  }
}

function removeAside(aside: string): void {
  try {
    unlinkSync(aside);
  } catch {
    // It was never made, or stays as what a killed process leaves.
  }
}

/** Names a value where there is none yet, and says whether it did. */
function linkTo(path: string): (aside: string) => boolean {
  return (aside) => {
    try {
      linkSync(aside, path);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === "EEXIST") {
        removeAside(aside);
        return false;
      }
      if (code === "EPERM" || code === "ENOTSUP" || code === "EOPNOTSUPP" || code === "ENOSYS") {
        throw new Error(
          `this file system has no hard links (${message}); set WFLO_BLOBS to a folder on another, or to s3`,
        );
      }
      throw error;
    }
    removeAside(aside);
    return true;
  };
}

/** @throws what keeps us from looking, such as EACCES: that is no absence */
function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** A name below a file, and a folder's name, are no keys' names either. */
function ifAbsent<T>(otherwise: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR" || error.code === "EISDIR") return otherwise;
    throw error;
  };
}

function storeError(error: NodeJS.ErrnoException, what: string): Error {
  const advice = error.code === "ENOSPC" || error.code === "EDQUOT" ? "; free some space, it is tried again" : "";
  const message = `${what}: ${error.message}${advice}`;
  return MAY_PASS.has(error.code ?? "")
    ? new StoreUnavailable(message, { cause: error })
    : new Error(message, { cause: error });
}
