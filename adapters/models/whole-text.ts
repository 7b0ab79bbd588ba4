import { randomUUID } from "node:crypto";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Writes a text file in one step: a reader sees the file before or the file after. */
export async function writeWholeText(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomUUID()}.draft`;
  await mkdir(join(file, ".."), { recursive: true });
  try {
    await writeFile(draft, text);
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
