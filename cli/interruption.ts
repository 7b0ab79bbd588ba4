import type { RunHandle } from "../client/index.js";
import type { GateDesk } from "./gate-desk.js";
import type { LiveView } from "./live-view.js";
import type { Prompt } from "./prompt.js";

/** How Ctrl-C ends a command that follows a run. */
export type Interrupted = "canceled" | "detached";

/** After Ctrl-C on no terminal the run's end is waited for no longer than this, in milliseconds. */
export const CANCEL_PATIENCE_MS = 10_000;

/**
 * What Ctrl-C does to a run that this command started. On a terminal the first press asks: cancel it, or leave it running;
 * another press leaves. Elsewhere (a script, CI) the first press cancels it, so that nothing is spent unseen, and another
 * one leaves. A run that nobody interrupts outlives this process: SIGTERM and a lost terminal leave it running.
 */
export function createInterruption(
  run: Pick<RunHandle, "cancel">,
  { view, prompt, desk }: { readonly view: LiveView; readonly prompt: Prompt | undefined; readonly desk: GateDesk },
) {
  let presses = 0;
  let question: AbortController | undefined;
  let resolve: (how: Interrupted) => void = () => {};
  const interrupted = new Promise<Interrupted>((done) => {
    resolve = done;
  });
  const cancel = async () => {
    view.say("cancelling the run; it books what is under way (Ctrl-C again leaves it to itself)");
    await run.cancel().catch((error: unknown) => view.say(`the run can't be cancelled: ${(error as Error).message}`));
    resolve("canceled");
  };
  const askWhatToDo = async (terminal: Prompt) => {
    question = new AbortController();
    const { signal } = question;
    await desk.suspend();
    view.hold();
    const text = "\n[c]ancel the run, [l]eave it running, or Enter to go on watching: ";
    const word = (await terminal.ask(text, { signal }))?.trim().toLowerCase();
    question = undefined;
    view.release();
    if (word === "c" || word === "cancel") await cancel();
    else if (word === "l" || word === "leave") resolve("detached");
    else if (word !== undefined) {
      presses = 0;
      desk.resume();
    }
  };
  return {
    interrupted,
    /** Ctrl-C was pressed. */
    press() {
      presses += 1;
      if (presses > 1) {
        question?.abort();
        resolve("detached");
      } else if (prompt) void askWhatToDo(prompt);
      else void cancel();
    },
  };
}
