import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { RunRequest } from "../client/index.js";
import { INLINE_BYTES } from "../core/activity-contract.js";
import { utf8Bytes } from "../core/digest.js";
import type { BlobAddress } from "../core/transcript.js";
import type { Session } from "./command.js";
import { WrongUse } from "./problems.js";

type Text = string | { readonly ref: BlobAddress };

/** A text for a run: as it is where it may travel, else stored; `-` is what stands on stdin. */
export async function textOf(session: Session, text: string): Promise<Text> {
  const whole = text === "-" ? await readAll(session.surroundings.stdin) : text;
  if (whole.trim() === "")
    throw new WrongUse("the text on stdin is empty", "Pipe one into it, as in: git diff | wflo run AGENT -");
  if (utf8Bytes(whole) <= INLINE_BYTES) return whole;
  return { ref: (await (await session.ports()).blobs.put(whole)).ref };
}

/**
 * Files of this machine for a run's workspace. Small texts travel with the input, 32 KiB in all; everything else is
 * stored where the workers find it.
 */
export async function filesOf(
  session: Session,
  paths: Readonly<Record<string, string>>,
): Promise<NonNullable<RunRequest["files"]>> {
  const files: Record<string, Text> = {};
  let inline = 0;
  for (const [name, path] of Object.entries(paths)) {
    const content = await readOwnFile(resolve(session.surroundings.folder, path), `${name}=${path}`);
    const text = content.length + inline <= INLINE_BYTES ? utf8TextOf(content) : undefined;
    if (text === undefined) files[name] = { ref: (await (await session.ports()).blobs.put(content)).ref };
    else {
      files[name] = text;
      inline += content.length;
    }
  }
  return files;
}

async function readOwnFile(path: string, option: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a folder" : message;
    throw new WrongUse(`option '--file ${option}': ${path} can't be read: ${why}`, "Name a file that is there.");
  }
}

/** Undefined for bytes that are no UTF-8: JSON can't carry them. */
function utf8TextOf(content: Buffer): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    return undefined;
  }
}

async function readAll(stdin: AsyncIterable<Buffer | string>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stdin) parts.push(Buffer.from(part));
  return Buffer.concat(parts).toString("utf8");
}
