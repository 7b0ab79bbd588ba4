import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, normalize, sep } from "node:path";
import { inflateRawSync } from "node:zlib";

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_ENTRY = 0x04034b50;
const STORED = 0;
const DEFLATED = 8;

interface ArchiveEntry {
  readonly name: string;
  readonly method: number;
  readonly compressedBytes: number;
  readonly localOffset: number;
}

/**
 * Unpacks a zip archive (as wheels are: no encryption, no zip64) below `folder`. Every file becomes executable: wheels
 * of programs don't say reliably which one is. Throws for a broken archive and for a path that leads out of the folder.
 */
export async function unpackArchive(archive: Buffer, folder: string): Promise<void> {
  for (const entry of archiveEntries(archive)) {
    if (entry.name.endsWith("/")) continue;
    const target = join(folder, normalize(entry.name));
    if (!target.startsWith(folder + sep)) throw new Error(`the archive has a path that leads out of it: ${entry.name}`);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, entryContent(archive, entry), { mode: 0o755 });
  }
}

function archiveEntries(archive: Buffer): ArchiveEntry[] {
  const end = archive.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (end < 0 || archive.readUInt32LE(end) !== END_OF_DIRECTORY) throw new Error("not a zip archive");
  const count = archive.readUInt16LE(end + 10);
  const entries: ArchiveEntry[] = [];
  let offset = archive.readUInt32LE(end + 16);
  for (let index = 0; index < count; index += 1) {
    if (archive.readUInt32LE(offset) !== DIRECTORY_ENTRY) throw new Error("the archive's directory is broken");
    const nameBytes = archive.readUInt16LE(offset + 28);
    entries.push({
      name: archive.toString("utf8", offset + 46, offset + 46 + nameBytes),
      method: archive.readUInt16LE(offset + 10),
      compressedBytes: archive.readUInt32LE(offset + 20),
      localOffset: archive.readUInt32LE(offset + 42),
    });
    offset += 46 + nameBytes + archive.readUInt16LE(offset + 30) + archive.readUInt16LE(offset + 32);
  }
  return entries;
}

function entryContent(archive: Buffer, entry: ArchiveEntry): Buffer {
  const { localOffset } = entry;
  if (archive.readUInt32LE(localOffset) !== LOCAL_ENTRY) throw new Error(`the archive's entry ${entry.name} is broken`);
  const start = localOffset + 30 + archive.readUInt16LE(localOffset + 26) + archive.readUInt16LE(localOffset + 28);
  const content = archive.subarray(start, start + entry.compressedBytes);
  switch (entry.method) {
    case STORED:
      return content;
    case DEFLATED:
      return inflateRawSync(content);
    default:
      throw new Error(`the archive's entry ${entry.name} is packed in a way this reader doesn't know`);
  }
}
