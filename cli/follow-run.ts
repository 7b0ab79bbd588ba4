import type { DecisionSigner, RunHandle } from "../client/index.js";
import { whoAmI } from "./arguments.js";
import type { Session } from "./command.js";
import { signerOf } from "./decision-signer.js";
import { EXIT_CODES } from "./exit-codes.js";
import { createGateDesk, createSilentDesk, type GateDesk } from "./gate-desk.js";
import { CANCEL_PATIENCE_MS, createInterruption, type Interrupted } from "./interruption.js";
import { createLiveView, type LiveView } from "./live-view.js";
import { printable } from "./output.js";
import { createPrompt, type Prompt } from "./prompt.js";
import { changeLine } from "./run-progress.js";
import { exitCodeOfReport, type RunPlace, type RunReport, reportOf, reportWords } from "./run-report.js";
import { canAsk } from "./surroundings.js";
import { createTokenPrinter, type TokenPrinter } from "./token-printer.js";

export interface FollowOptions {
  /** Prints the model's words as they come. */
  readonly stream?: boolean;
  /** The run was started by this command: it asks about gates, and Ctrl-C concerns the run. Else Ctrl-C ends the watching. */
  readonly own: boolean;
}

/** A run that nothing was heard of for this long may have no worker, in milliseconds. */
const SILENCE_MS = 3_000;

/** Shows a run until it ends, then its answer; answers the exit code. */
export async function followRun(
  session: Session,
  run: RunHandle,
  place: RunPlace,
  options: FollowOptions,
): Promise<number> {
  const { surroundings, output } = session;
  const { stdout, stderr } = surroundings;
  const sign = await signerOf(session);
  const view = createLiveView(stderr, options.stream ? { live: false } : {});
  const words = output.json ? stderr : stdout;
  const printer = options.stream
    ? createTokenPrinter(words, { note: view.say, shared: output.json || words.isTTY === true })
    : undefined;
  const prompt = options.own && canAsk(surroundings) ? createPrompt(surroundings, () => press()) : undefined;
  const leaving = new AbortController();
  const trouble = later<never>();
  const desk = deskFor(session, run, { view, prompt, sign, failed: trouble.reject });
  const interruption = createInterruption(run, { view, prompt, desk });
  const watching = later<Interrupted>();
  const press = () => (options.own ? interruption.press() : watching.resolve("detached"));
  const stopListening = surroundings.onInterrupt(press);
  try {
    const report = untilEnd(session, run, { place, view, desk, printer, signal: leaving.signal });
    report.catch(() => undefined);
    const interrupted = Promise.race([interruption.interrupted, watching.promise]);
    const first = await Promise.race([report, interrupted, trouble.promise]);
    await desk.suspend();
    view.end();
    if (typeof first === "object") return await tell(session, first, printer);
    return await leave(session, place, first, report);
  } finally {
    leaving.abort();
    stopListening();
    view.end();
  }
}

function deskFor(
  { surroundings }: Session,
  run: RunHandle,
  {
    prompt,
    ...desk
  }: {
    view: LiveView;
    prompt: Prompt | undefined;
    sign: DecisionSigner | undefined;
    failed: (error: unknown) => void;
  },
): GateDesk {
  if (!prompt) return createSilentDesk(run.workflowId, desk.view);
  return createGateDesk(run, { prompt, by: whoAmI(surroundings.environment), ...desk });
}

async function untilEnd(
  session: Session,
  run: RunHandle,
  {
    place,
    view,
    desk,
    printer,
    signal,
  }: {
    readonly place: RunPlace;
    readonly view: LiveView;
    readonly desk: GateDesk;
    readonly printer: TokenPrinter | undefined;
    readonly signal: AbortSignal;
  },
): Promise<RunReport> {
  if (printer) void printTokens(session, run.workflowId, printer, signal);
  const silence = setTimeout(() => void noteMissingWorker(session, view), SILENCE_MS).unref();
  try {
    for await (const change of run.watch({ signal })) {
      clearTimeout(silence);
      if (printer && changeLine(change) !== undefined) await printer.pause();
      // Where a person is asked, the question says it all.
      if (!(change.kind === "gate" && change.gate.state === "pending" && desk.asks)) view.show(change);
      if (change.kind === "gate") desk.hear(change.gate);
    }
    return await reportOf(place, run.result);
  } finally {
    clearTimeout(silence);
  }
}

/** Tokens are a convenience: where their stream can't be read, the answer comes whole. */
async function printTokens(
  session: Session,
  workflowId: string,
  printer: TokenPrinter,
  signal: AbortSignal,
): Promise<void> {
  try {
    const { tokens } = await session.ports();
    for await (const entry of tokens.read(workflowId, signal, { from: "start" })) printer.print(entry);
  } catch (error) {
    if (!signal.aborted) session.output.say(`the stream of tokens can't be read: ${(error as Error).message}`);
  }
}

async function noteMissingWorker(session: Session, view: LiveView): Promise<void> {
  const client = await session.client();
  if (await client.hasWorker().catch(() => true)) return;
  view.say(
    `no worker takes work from the task queue ${client.taskQueue}: start one with \`wflo dev\` or \`wflo worker\``,
  );
}

/** Prints a run's answer on stdout, and how it came about on stderr. */
async function tell(session: Session, report: RunReport, printer?: TokenPrinter): Promise<number> {
  const { output, surroundings } = session;
  const whole = await withWholeOutput(session, report);
  const text = "error" in whole ? "" : whole.output;
  if (printer) printer.finish(text);
  output.answer(whole, () => (printer ? "" : surroundings.stdout.isTTY ? printable(text) : text));
  if (!output.json) output.say(`\n${reportWords(whole)}`);
  return exitCodeOfReport(report);
}

/** A result has the beginning of an answer above 32 KiB; whoever asks for it gets all of it. */
async function withWholeOutput(session: Session, report: RunReport): Promise<RunReport> {
  if ("error" in report || report.outputRef === undefined) return report;
  try {
    const content = await (await session.ports()).blobs.get(report.outputRef);
    return { ...report, output: Buffer.from(content).toString("utf8") };
  } catch (error) {
    session.output.say(`only the beginning of the answer can be read here: ${(error as Error).message}`);
    return report;
  }
}

async function leave(session: Session, place: RunPlace, how: Interrupted, report: Promise<RunReport>): Promise<number> {
  const { output } = session;
  const ended = how === "canceled" ? await Promise.race([report.catch(() => undefined), patience()]) : undefined;
  if (ended) await tell(session, ended);
  else {
    output.answer({ ...place, status: "running" }, () => "");
    output.say(
      `the run ${place.workflowId} goes on: wflo watch ${place.workflowId}, or wflo cancel ${place.workflowId}`,
    );
  }
  return EXIT_CODES.interrupted;
}

async function patience(): Promise<undefined> {
  return await new Promise((resolve) => setTimeout(() => resolve(undefined), CANCEL_PATIENCE_MS).unref());
}

/** A promise that is settled from outside; nobody has to hear of its rejection. */
function later<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
