import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Secrets that a test plants, by where it plants them. */
export type Planted<Place extends string> = Readonly<Record<Place, string>>;

/** A phrase of its own for each place. */
export function plantedPhrases<const Place extends string>(places: readonly Place[]): Planted<Place> {
  return Object.fromEntries(places.map((place) => [place, `planted ${randomUUID()}`])) as Planted<Place>;
}

/** The places whose phrases stand in a file below one of the folders, as they are or in base64; and which file. */
export async function foundIn(folders: readonly string[], planted: Planted<string>): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const folder of folders) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = join(entry.parentPath, entry.name);
      const bytes = await readFile(file).catch(() => Buffer.alloc(0));
      for (const [place, phrase] of Object.entries(planted)) {
        if (formsOf(phrase).some((form) => bytes.includes(form))) found[place] ??= file.slice(folder.length + 1);
      }
    }
  }
  return found;
}

/** The phrase; and what base64 makes of its middle, wherever it starts. */
function formsOf(phrase: string): readonly string[] {
  const encoded = [0, 1, 2].map((shift) => {
    const text = Buffer.from(`${"x".repeat(shift)}${phrase}`).toString("base64");
    return text.slice(4, -4);
  });
  return [phrase, ...encoded];
}
