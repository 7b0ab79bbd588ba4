import { randomUUID } from "node:crypto";
import { appendFile, mkdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, expect, test } from "@jest/globals";
import { createFileInbox } from "../../../adapters/file/inbox.js";
import { eventually } from "../../harness/eventually.js";
import { temporaryFolders } from "../../harness/folder.js";
import { inboxSuite } from "../../ports/inbox.suite.js";

const newFolder = temporaryFolders();
const topics = { events: "wflo.events", audit: "wflo.audit" };
let folder: string;
beforeEach(async () => {
  folder = await newFolder();
});

const open = async () => createFileInbox({ folder, topics });
inboxSuite({ open, newTopic: () => `test.${randomUUID()}` });

test("what others append is a message each line, whatever it is", async () => {
  await writeFile(
    join(folder, "t.jsonl"),
    Buffer.concat([Buffer.from('{"a":1}\n\nnot json\n'), Buffer.from([0xff, 0x0a])]),
  );
  const inbox = await open();
  const seen: (string | undefined)[] = [];
  await inbox.consume({
    group: "g",
    topics: ["t"],
    handle: async ({ value }) => void seen.push(value ? Buffer.from(value).toString("latin1") : undefined),
  });
  await eventually(() => expect(seen).toEqual(['{"a":1}', "not json", "\u00ff"]));
  await appendFile(join(folder, "t.jsonl"), '{"half":');
  await appendFile(join(folder, "t.jsonl"), "1}\n");
  await eventually(() => expect(seen.at(-1)).toBe('{"half":1}'));
  await inbox.close();
  expect(await readFile(join(folder, "groups/g.t.offset"), "utf8")).toMatch(/^\d+\n$/);
});

test("the place of a process that died is taken, that of one that lives is not", async () => {
  await mkdir(join(folder, "groups"));
  const lock = join(folder, "groups/g.lock");
  await writeFile(lock, "1\n");
  await writeFile(join(folder, "t.jsonl"), "1\n");
  const inbox = await open();
  const seen: string[] = [];
  await inbox.consume({ group: "g", topics: ["t"], handle: async ({ value }) => void seen.push(String(value)) });
  // Who holds it says so again and again; the last time is too long ago.
  expect(seen).toEqual([]);
  const long = new Date(Date.now() - 60_000);
  await utimes(lock, long, long);
  await eventually(() => expect(seen).toHaveLength(1));
  await inbox.close();
});

test("a place that is none is told, and nothing is passed by", async () => {
  await mkdir(join(folder, "groups"));
  await writeFile(join(folder, "groups/g.t.offset"), "soon\n");
  const inbox = await open();
  const consumption = await inbox.consume({ group: "g", topics: ["t"], handle: async () => undefined });
  await expect(consumption.ended).rejects.toThrow(/g\.t\.offset holds no offset; remove it/);
  await inbox.close();
});
