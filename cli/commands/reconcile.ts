import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { ClientError } from "../../client/client-error.js";
import type { WfloClient } from "../../client/index.js";
import { AttemptsFold } from "../../core/attempts-fold.js";
import { parseDuration } from "../../core/duration.js";
import { costNanoUsd, type ModelPrice } from "../../core/pricing.js";
import { type Explained, type Reconciliation, reconcile } from "../../core/reconcile.js";
import { readName, whoAmI } from "../arguments.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { EXIT_CODES } from "../exit-codes.js";
import { WrongUse } from "../problems.js";
import { type Booking, reconciliationWords } from "../reconciliation-words.js";
import { type ExportProvider, readUsageExport } from "../usage-export.js";

interface ReconcileFlags {
  readonly provider?: ExportProvider;
  readonly complete?: true;
  readonly within: string;
  readonly dryRun?: true;
}

/** `wflo reconcile`: a provider's list of requests beside our own books. */
export function registerReconcile(program: Command, context: CommandContext): void {
  withJson(program.command("reconcile"))
    .description(
      "compare a provider's usage export with the runs' books, and book what it says of unconfirmed attempts",
    )
    .argument("<FILE>", "the export: CSV or JSON, a request each", readName)
    .addOption(
      new Option("--provider <NAME>", "whose it is (default: told by its columns)").choices(["openai", "anthropic"]),
    )
    .option("--complete", "it has every request of its time: what it lacks was not billed")
    .option("--within <TIME>", "a request may be listed so long before or after our attempt was booked", "30m")
    .option("--dry-run", "say what would be booked, and book nothing")
    .addHelpText("after", "\nEnds with 1 where figures differ or something is missing on either side.")
    .action(
      inSession(context, async (session: Session, file: string, flags: ReconcileFlags) => {
        const found = await compared(session, file, flags);
        const bookings = await booked(session, found.explained, flags);
        session.output.answer({ ...found, explained: bookings }, () => reconciliationWords(found, bookings));
        return isClean(found) ? undefined : EXIT_CODES.runFailed;
      }),
    );
}

async function compared(session: Session, file: string, flags: ReconcileFlags): Promise<Reconciliation> {
  const withinMs = parseDuration(flags.within);
  if (typeof withinMs === "object") throw new WrongUse(`--within ${withinMs.problem}`, "Such as 30m.");
  const theirs = readUsageExport(await textOf(session, file), flags.provider);
  const { eventLog } = await session.ports();
  const attempts = new AttemptsFold();
  for await (const { value } of eventLog.read(session.config.topics.events)) attempts.add(JSON.parse(value));
  return reconcile(theirs, attempts.attempts(), { complete: flags.complete === true, withinMs });
}

async function textOf({ surroundings }: Session, file: string): Promise<string> {
  try {
    return await readFile(resolve(surroundings.folder, file), "utf8");
  } catch (error) {
    throw new WrongUse(
      `${file} cannot be read: ${(error as Error).message}`,
      "Name a file with the provider's requests.",
    );
  }
}

/** Tells each run what became of its attempts, in one update a run. */
async function booked(session: Session, explained: readonly Explained[], flags: ReconcileFlags): Promise<Booking[]> {
  if (flags.dryRun || explained.length === 0) {
    return explained.map((one) => ({ ...one, outcome: "not booked (dry run)" }));
  }
  const client = await session.client();
  const by = whoAmI(session.surroundings.environment);
  const runs = new Map<string, Explained[]>();
  for (const one of explained) {
    const run = `${one.ours.workflowId}/${one.ours.firstRunId}`;
    runs.set(run, [...(runs.get(run) ?? []), one]);
  }
  const bookings: Booking[] = [];
  for (const ofRun of runs.values()) {
    for (let at = 0; at < ofRun.length; at += MOST_AT_ONCE) {
      const some = ofRun.slice(at, at + MOST_AT_ONCE);
      const told = await tell(client, some, by);
      bookings.push(...(told === "ended" ? await correct(session, some, by) : told));
    }
  }
  return bookings;
}

const MOST_AT_ONCE = 50;

async function tell(
  client: WfloClient,
  explained: readonly Explained[],
  by: string,
): Promise<"ended" | readonly Booking[]> {
  const attempts = explained.map(({ ours, theirs }) => ({
    attempt: ours.attempt,
    ...(theirs ? { usage: theirs.usage } : {}),
    ...(theirs?.requestId === undefined ? {} : { requestId: theirs.requestId }),
  }));
  const { workflowId = "", firstRunId = "" } = explained[0]?.ours ?? {};
  try {
    // The workflow id alone could be a later run's, whose attempts have the same names.
    const { reconciled } = await client.attach(workflowId, { firstRunId }).reconcile(attempts, { by });
    return explained.map((one) => ({
      ...one,
      outcome: reconciled.includes(one.ours.attempt) ? "booked" : "not awaited",
    }));
  } catch (error) {
    const kind = error instanceof ClientError ? error.kind : undefined;
    if (kind === "run-ended" || kind === "no-such-run") return "ended";
    if (kind === "no-worker") return explained.map((one) => ({ ...one, outcome: "unreachable" }));
    throw error;
  }
}

/** A run that has ended keeps its result; what its events add up to is corrected by one more event, once. */
async function correct(session: Session, explained: readonly Explained[], by: string): Promise<Booking[]> {
  const { readPriceSettings } = await import("../../workers/price-settings.js");
  const { createPriceList } = await import("../../adapters/models/price-list.js");
  const prices = createPriceList(await readPriceSettings(session.config));
  const { publisher } = await session.ports();
  const time = new Date();
  const bookings: Booking[] = [];
  for (const one of explained) {
    const price = prices.find(one.ours.model, new Date(one.ours.atMs)).price;
    const nanoUsd = costOf(one, price);
    if (nanoUsd === undefined) {
      bookings.push({ ...one, outcome: "no price" });
      continue;
    }
    const correction = correctionOf(one, { nanoUsd, by, time, namespace: (await session.client()).namespace });
    const record = { key: one.ours.workflowId, value: JSON.stringify(correction) };
    await publisher.publish(session.config.topics.events, [record]);
    bookings.push({ ...one, outcome: "corrected" });
  }
  return bookings;
}

function costOf({ ours, theirs }: Explained, price: ModelPrice | undefined): number | undefined {
  if (!theirs) return 0;
  return theirs.nanoUsd ?? (price ? costNanoUsd(price, theirs.usage, ours.atMs) : undefined);
}

interface Correction {
  readonly nanoUsd: number;
  readonly by: string;
  readonly time: Date;
  readonly namespace: string;
}

/** No event of the run itself: it has no number among those, and its id says what it corrects. */
function correctionOf({ ours, theirs }: Explained, { nanoUsd, by, time, namespace }: Correction): object {
  const { workflowId, firstRunId, attempt, model, unconfirmedNanoUsd } = ours;
  const [, turn = "0", number = "0"] = /^t(\d+)\.a(\d+)$/.exec(attempt) ?? [];
  return {
    specversion: "1.0",
    id: `${workflowId}/${firstRunId}/reconciled-${attempt}`,
    source: `/wflo/${namespace}/${workflowId}`,
    type: "wflo.model.called",
    time: time.toISOString(),
    subject: workflowId,
    datacontenttype: "application/json",
    data: {
      turn: Number(turn),
      model,
      attempt: Number(number),
      outcome: "late",
      reconciledBy: by,
      ...(theirs ? { usage: theirs.usage } : {}),
      nanoUsd,
      unconfirmedNanoUsd: -unconfirmedNanoUsd,
      ...(theirs?.requestId === undefined ? {} : { requestId: theirs.requestId }),
    },
  };
}

function isClean({ drifts, missingHere, missingThere, open, contradictions }: Reconciliation): boolean {
  return [drifts, missingHere, missingThere, open, contradictions].every((found) => found.length === 0);
}
