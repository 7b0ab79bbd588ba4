import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";

export interface StartedProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Everything it has printed so far, both streams. */
  readonly output: () => string;
  /** Settles when it has ended: its exit code, or the signal's name. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Resolves with the first line (from the start on) that matches; rejects when the process ends without one. */
  readonly line: (wanted: RegExp) => Promise<string>;
  /** Ends it and waits until it is gone. @default "SIGTERM" */
  readonly stop: (signal?: NodeJS.Signals) => Promise<void>;
}

export interface ProcessStart extends Pick<SpawnOptions, "cwd" | "detached"> {
  readonly command: string;
  readonly args?: readonly string[];
  /** The whole environment. @default process.env */
  readonly env?: NodeJS.ProcessEnv;
  /** Wait for this line before the promise resolves. */
  readonly ready?: RegExp;
  /** Written to its standard input, which is then closed; without it there is none. */
  readonly input?: string;
}

/** Starts a program and waits, where `ready` is given, for the line that says so; a program that ends before is an error with its output. */
export async function startProcess({
  command,
  args = [],
  ready,
  input,
  ...options
}: ProcessStart): Promise<StartedProcess> {
  const child = spawn(command, args, { ...options, stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"] });
  let output = "";
  const listeners = new Set<() => void>();
  const changed = () => {
    for (const listener of [...listeners]) listener();
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      changed();
    });
  }
  let isOver = false;
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? signal ?? 1));
  }).finally(() => {
    isOver = true;
    changed();
  });
  ended.catch(() => undefined);
  if (input !== undefined) child.stdin?.end(input);

  const line = async (wanted: RegExp): Promise<string> =>
    await new Promise((resolve, reject) => {
      const look = () => {
        const found = output.split("\n").find((text) => wanted.test(text));
        if (found === undefined && !isOver) return;
        listeners.delete(look);
        if (found !== undefined) resolve(found);
        else reject(new Error(`${command} ${args.join(" ")} ended before it printed ${wanted}:\n${output}`));
      };
      listeners.add(look);
      look();
    });
  const stop = async (signal: NodeJS.Signals = "SIGTERM") => {
    if (!isOver) child.kill(signal);
    await ended.catch(() => undefined);
  };

  if (ready !== undefined) await line(ready);
  else await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject));
  return { pid: child.pid ?? -1, child, output: () => output, ended, line, stop };
}
