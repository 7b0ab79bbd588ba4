import { mkdir, open, rm, stat, utimes } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

/** A holder that lives says so this often; one that has not for longer is dead. In milliseconds. */
const ALIVE_EVERY_MS = 1_000;
const DEAD_AFTER_MS = 10_000;
const LOOK_EVERY_MS = 500;

/** A file that one process holds. */
export interface HeldFile {
  release(): Promise<void>;
}

/**
 * Waits until nobody else holds the file, and holds it. Two may come to hold it for a moment, where one of them was stopped and goes
 * on: what they do has to bear that.
 * @returns undefined once the signal aborts
 */
export async function holdFile(path: string, signal: AbortSignal): Promise<HeldFile | undefined> {
  await mkdir(dirname(path), { recursive: true });
  while (!signal.aborted) {
    if (await make(path)) return keep(path);
    const age = await ageOf(path);
    if (age !== undefined && age > DEAD_AFTER_MS) await rm(path, { force: true });
    else await pause(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

async function make(path: string): Promise<boolean> {
  try {
    const file = await open(path, "wx");
    await file.writeFile(`${process.pid}\n`);
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function ageOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found && Date.now() - found.mtimeMs;
}

function keep(path: string): HeldFile {
  const timer = setInterval(() => {
    const now = new Date();
    void utimes(path, now, now).catch(() => undefined);
  }, ALIVE_EVERY_MS);
  timer.unref();
  return {
    async release() {
      clearInterval(timer);
      await rm(path, { force: true });
    },
  };
}
