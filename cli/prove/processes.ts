import { type ChildProcess, spawn } from "node:child_process";

/** A program that was started here and is ended here. */
export interface Started {
  /** Resolves when it is gone. */
  readonly ended: Promise<void>;
  stop(signal: NodeJS.Signals): Promise<void>;
}

const WORDS_KEPT = 4_000;
const START_MS = 60_000;
/** What does not end by itself within it is killed. */
const STOP_MS = 15_000;

/** Starts a program and waits for the words that say that it is ready. @throws Error with what it said, where it ends before or takes a minute */
export async function startProgram(
  command: string,
  args: readonly string[],
  { environment, ready }: { readonly environment: NodeJS.ProcessEnv; readonly ready: RegExp },
): Promise<Started> {
  // Its standard input closes with us: nothing outlives us.
  const child: ChildProcess = spawn(command, args, { env: environment, stdio: ["pipe", "pipe", "pipe"] });
  let words = "";
  let isOver = false;
  const ended = new Promise<void>((resolve) => {
    const over = () => {
      isOver = true;
      resolve();
    };
    child.once("error", (error) => {
      words += error.message;
      over();
    });
    child.once("exit", over);
  });
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve, reject) => {
    timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`${command} was not ready after ${START_MS / 1_000} s: ${words.trim()}`));
    }, START_MS);
    void ended.then(() => reject(new Error(`${command} did not start: ${words.trim()}`)));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        words = (words + text).slice(-WORDS_KEPT);
        if (ready.test(words)) resolve();
      });
    }
  }).finally(() => clearTimeout(timer));
  return {
    ended,
    async stop(signal) {
      if (!isOver) child.kill(signal);
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}
