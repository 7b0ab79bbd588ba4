import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { SecretStore } from "../../ports/secret-store.js";

/** Larger files are no secrets, in bytes. */
const MOST_BYTES = 64 * 1024;

/** Files, such as Kubernetes and Docker mount secrets; a line break at the end is not part of it. @param folder of relative paths */
export function createFileSecrets(folder: string): SecretStore {
  return {
    async get(name) {
      try {
        const content = await readFile(resolve(folder, name));
        if (content.length > MOST_BYTES) throw new Error(`${name} has ${content.length} bytes: that is no secret`);
        return content.toString("utf8").replace(/\r?\n$/, "") || undefined;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
    },
  };
}
