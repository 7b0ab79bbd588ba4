import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import type { History } from "../../client/index.js";
import { workerConverter } from "../../encryption/data-converter.js";
import { readCount, readName } from "../arguments.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { EXIT_CODES } from "../exit-codes.js";
import { readHistoryFile } from "../history-file.js";
import { oneLine, table } from "../output.js";
import { WrongUse } from "../problems.js";

interface ReplayFlags {
  readonly limit: number;
  readonly bundle?: string;
}

interface Replayed {
  readonly workflowId: string;
  readonly ok: boolean;
  readonly error?: string;
}

type Histories = AsyncIterable<{ workflowId: string; history: History }>;

const DEFAULT_LIMIT = 100;

/** `wflo replay`: would this version of the workflows have done the same? */
export function registerReplay(program: Command, context: CommandContext): void {
  withJson(program.command("replay"))
    .description("replay histories against this version's workflows, as a worker would after a deployment")
    .argument("[ID|FILE]", "a run's workflow id, or a history as JSON (default: the newest runs)", readName)
    .option("--limit <N>", "without ID: at most so many runs", readCount, DEFAULT_LIMIT)
    .option("--bundle <FILE>", "workflow bundle of another build (default: this one's)", readName)
    .action(
      inSession(context, async (session: Session, what: string | undefined, flags: ReplayFlags) => {
        const codePath = await bundlePath(session, flags.bundle);
        const replayed = await replayAll(session, codePath, await historiesOf(session, what, flags.limit));
        session.output.answer(replayed, () => (replayed.length === 0 ? "no runs" : wordsOf(replayed)));
        return replayed.every(({ ok }) => ok) ? EXIT_CODES.done : EXIT_CODES.runFailed;
      }),
    );
}

async function bundlePath(session: Session, bundle: string | undefined): Promise<string> {
  const { packageRoot } = await import("../../workers/tool-finder.js");
  const given = bundle === undefined ? undefined : resolve(session.surroundings.folder, bundle);
  const path = given ?? join(packageRoot(), "dist/workflow-bundle.js");
  if (await isFile(path)) return path;
  throw new WrongUse(`there is no workflow bundle at ${path}`, "Build it with `npm run build`.");
}

async function historiesOf(session: Session, what: string | undefined, limit: number): Promise<Histories> {
  const file = what === undefined ? undefined : resolve(session.surroundings.folder, what);
  if (file !== undefined && (await isFile(file)))
    return one({ workflowId: file, history: await readHistoryFile(file) });
  const client = await session.client();
  if (what !== undefined) return one({ workflowId: what, history: await client.attach(what).history() });
  return newest(client, limit);
}

async function* newest(client: Awaited<ReturnType<Session["client"]>>, limit: number): Histories {
  let count = 0;
  for await (const { workflowId } of client.list()) {
    if (count === limit) return;
    count += 1;
    yield { workflowId, history: await client.attach(workflowId).history() };
  }
}

async function* one(history: { workflowId: string; history: History }): Histories {
  yield history;
}

async function replayAll({ config }: Session, codePath: string, histories: Histories): Promise<readonly Replayed[]> {
  const { DefaultLogger, Runtime, Worker } = await import("@temporalio/worker");
  Runtime.install({ logger: new DefaultLogger("ERROR", () => undefined) });
  const results: Replayed[] = [];
  const converter = config.keyRing ? { dataConverter: workerConverter(config.keyRing) } : {};
  const options = { workflowBundle: { codePath }, ...converter };
  for await (const { workflowId, error } of Worker.runReplayHistories(options, histories)) {
    results.push({ workflowId, ok: error === undefined, ...(error ? { error: error.message } : {}) });
  }
  return results;
}

function wordsOf(replayed: readonly Replayed[]): string {
  const rows = replayed.map(({ workflowId, ok, error }) => [
    workflowId,
    ok ? "ok" : `DIFFERS: ${oneLine(error ?? "")}`,
  ]);
  return table(["RUN", "REPLAY"], rows);
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
