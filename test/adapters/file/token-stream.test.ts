import { mkdir, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { createFileTokenStream } from "../../../adapters/file/token-stream.js";
import { packageRoot } from "../../../workers/tool-finder.js";
import { eventually } from "../../harness/eventually.js";
import { temporaryFolders } from "../../harness/folder.js";
import { startProcess } from "../../harness/processes.js";
import { take } from "../../harness/taking.js";
import { appendAll, numbers, tokenStreamSuite } from "../../ports/token-stream.suite.js";

const folder = temporaryFolders();
const never = new AbortController().signal;

tokenStreamSuite({ open: async () => createFileTokenStream({ folder: join(await folder(), "streams") }) });

test("tokens of one process are seen in another as they come, and closing leaves none behind", async () => {
  const at = await folder();
  const script = `
    import { createFileTokenStream } from "./adapters/file/token-stream.ts";
    const stream = createFileTokenStream({ folder: process.argv[1] });
    for (let seq = 1; seq <= 500; seq += 1) {
      stream.append("run", { turn: 1, attempt: 1, seq, text: "x".repeat(seq) });
      if (seq % 100 === 0) await new Promise(setImmediate);
    }
    await stream.close();`;
  const reader = createFileTokenStream({ folder: at });
  const watched = take(reader.read("run", never), 500);
  const args = ["--import", "./scripts/typescript.mjs", "--input-type=module", "--eval", script, at];
  const writer = await startProcess({ command: process.execPath, args, cwd: packageRoot() });
  expect((await watched).map(({ seq }) => seq)).toEqual(numbers(1, 500));
  expect(await writer.ended).toBe(0);
  await reader.close();
});

test("files that nobody has written to for a day are removed when a process begins to stream", async () => {
  const at = await folder();
  const twoDaysAgo = Date.now() / 1_000 - 2 * 86_400;
  for (const name of ["old.jsonl", "new.jsonl", "old.txt"]) await writeFile(join(at, name), "{}\n");
  for (const name of ["old.jsonl", "old.txt"]) await utimes(join(at, name), twoDaysAgo, twoDaysAgo);
  const stream = createFileTokenStream({ folder: at });
  appendAll(stream, "run", 1, 1);
  await stream.close();
  const names = await readdir(at);
  expect(names).toHaveLength(3);
  expect(names).toEqual(expect.arrayContaining(["new.jsonl", "old.txt"]));
});

test("a file that grows too long starts over, and whoever watches goes on", async () => {
  const at = await folder();
  const stream = createFileTokenStream({ folder: at, fileBytesMax: 20_000 });
  const reading = stream.read("run", never)[Symbol.asyncIterator]();
  for (const round of numbers(1, 20)) {
    appendAll(stream, "run", round * 100 - 99, round * 100);
    for (const seq of numbers(round * 100 - 99, round * 100)) {
      expect((await reading.next()).value).toMatchObject({ seq });
    }
    const [name = ""] = await readdir(at);
    expect((await stat(join(at, name))).size).toBeLessThan(30_000);
  }
  await stream.close();
});

test("a folder that cannot be written costs tokens and nothing else", async () => {
  const at = join(await folder(), "streams");
  await writeFile(at, "a file where the folder should be");
  const stream = createFileTokenStream({ folder: at });
  appendAll(stream, "run", 1, 3);
  await stream.close();
  await rm(at);
  await mkdir(at);
  const again = createFileTokenStream({ folder: at });
  appendAll(again, "run", 4, 4);
  await again.close();
  expect((await stat(join(at, (await readdir(at))[0] ?? ""))).size).toBeGreaterThan(10);
});

test("a folder that is removed meanwhile is made again, and a reader finds the file there", async () => {
  const at = join(await folder(), "streams");
  const stream = createFileTokenStream({ folder: at });
  const reading = stream.read("run", never)[Symbol.asyncIterator]();
  appendAll(stream, "run", 1, 1);
  expect((await reading.next()).value).toMatchObject({ seq: 1 });
  await rm(at, { recursive: true });
  appendAll(stream, "run", 2, 2);
  expect((await reading.next()).value).toMatchObject({ seq: 2 });
  await eventually(async () => expect(await readdir(at)).toHaveLength(1));
  await stream.close();
});
