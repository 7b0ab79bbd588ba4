import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Command } from "commander";
import type { RunHandle } from "../../client/index.js";
import { isFileName } from "../../core/input.js";
import { readName } from "../arguments.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { printable, table } from "../output.js";
import { WrongUse } from "../problems.js";

/** `wflo files`: what a run left in /workspace/out. */
export function registerFiles(program: Command, context: CommandContext): void {
  withJson(program.command("files"))
    .description("list a run's files, print one, or save them")
    .argument("<ID>", "workflow id of the run", readName)
    .argument("[NAME]", "one file: printed on stdout, or saved with --out", readName)
    .option("--out <DIR>", "save into this folder", readName)
    .action(
      inSession(
        context,
        async (session: Session, workflowId: string, name: string | undefined, { out }: { out?: string }) => {
          const run = (await session.client()).attach(workflowId);
          if (out !== undefined) await save(session, run, name, resolve(session.surroundings.folder, out));
          else if (name === undefined) await list(session, run);
          else await print(session, run, name);
          return undefined;
        },
      ),
    );
}

async function list(session: Session, run: RunHandle): Promise<void> {
  const files = Object.entries(await run.files()).map(([name, ref]) => ({ name, ref }));
  session.output.answer(files, () => (files.length === 0 ? "no files" : table(["NAME", "REF"], files.map(rowOf))));
}

async function print(session: Session, run: RunHandle, name: string): Promise<void> {
  const content = await run.file(name);
  const { output, surroundings } = session;
  if (output.json) output.answer({ name, bytes: content.length, ...contentOf(content) }, () => "");
  // Bytes as they are, but not into a terminal, which would obey them.
  else
    surroundings.stdout.write(surroundings.stdout.isTTY ? printable(Buffer.from(content).toString("utf8")) : content);
}

async function save(session: Session, run: RunHandle, name: string | undefined, folder: string): Promise<void> {
  const names = name === undefined ? Object.keys(await run.files()) : [name];
  const saved: { name: string; path: string; bytes: number }[] = [];
  for (const one of names) {
    // Names come from code that nobody has read.
    if (!isFileName(one)) throw new WrongUse(`the file ${JSON.stringify(one)} has a name that leads out of ${folder}`);
    const content = await run.file(one);
    const path = join(folder, one);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    saved.push({ name: one, path, bytes: content.length });
  }
  session.output.answer(saved, () => saved.map(({ path }) => printable(path)).join("\n") || "no files");
}

function rowOf({ name, ref }: { name: string; ref: string }): readonly string[] {
  return [name, ref];
}

function contentOf(content: Uint8Array): { text: string } | { base64: string } {
  try {
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content) };
  } catch {
    return { base64: Buffer.from(content).toString("base64") };
  }
}
