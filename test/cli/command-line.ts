import { PassThrough, Writable } from "node:stream";
import type { CliPorts } from "../../cli/ports.js";
import { runCli } from "../../cli/program.js";
import type { Surroundings } from "../../cli/surroundings.js";
import type { LogRecord } from "../../ports/event-log.js";
import type { StreamedToken } from "../../ports/token-stream.js";
import type { AgentWorker } from "../harness/agent-worker.js";
import { temporalAddress } from "../harness/environment.js";

/** What a command printed, and how it ended. */
export interface Ended {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command at work. */
export interface Working {
  readonly ended: Promise<Ended>;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Types at the keyboard. */
  readonly type: (text: string) => void;
  /** Presses Ctrl-C. */
  readonly interrupt: () => void;
}

export interface Typed {
  /** @default those of the worker that was handed in */
  readonly ports?: Partial<CliPorts>;
  readonly environment?: NodeJS.ProcessEnv;
  /** Stdin and stderr are a terminal. @default false */
  readonly terminal?: boolean;
  /** What stands on stdin, which is closed after it. */
  readonly input?: string;
  readonly folder?: string;
}

/** Runs the command line in this process, against the shared server, on a worker's task queue and stores. */
export function start(argv: readonly string[], worker?: AgentWorker, typed: Typed = {}): Working {
  const { ports = {}, environment = {}, terminal = false, input, folder = process.cwd() } = typed;
  const [stdout, stderr] = [collector(false), collector(terminal)];
  const stdin = Object.assign(new PassThrough(), { isTTY: terminal });
  if (input !== undefined) stdin.end(input);
  const listeners = new Set<() => void>();
  const surroundings: Surroundings = {
    environment: {
      TEMPORAL_ADDRESS: temporalAddress(),
      USER: "ana",
      ...(worker ? { WFLO_TASK_QUEUE: worker.taskQueue } : {}),
      ...environment,
    },
    stdin,
    stdout: stdout.stream,
    stderr: stderr.stream,
    folder,
    openPorts: async () => ({ ...portsOf(worker), ...ports }),
    onInterrupt(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const ended = runCli(argv, surroundings).then((exitCode) => ({
    exitCode,
    stdout: stdout.text(),
    stderr: stderr.text(),
  }));
  return {
    ended,
    stdout: stdout.text,
    stderr: stderr.text,
    type: (text) => void stdin.write(text),
    interrupt() {
      for (const listener of [...listeners]) listener();
    },
  };
}

/** Runs a command to its end. */
export async function wflo(argv: readonly string[], worker?: AgentWorker, typed?: Typed): Promise<Ended> {
  return await start(argv, worker, typed).ended;
}

/** Runs a command with `--json` to its end: its one document. */
export async function wfloJson<T = unknown>(
  argv: readonly string[],
  worker?: AgentWorker,
  typed?: Typed,
): Promise<Ended & { readonly document: T }> {
  const ended = await wflo([...argv, "--json"], worker, typed);
  return { ...ended, document: JSON.parse(ended.stdout) as T };
}

function portsOf(worker: AgentWorker | undefined): CliPorts {
  return {
    blobs: {
      get: async (ref) => await storeOf(worker).get(ref),
      put: async (content) => await storeOf(worker).put(content),
    },
    eventLog: { read: (topic) => recordsOf(worker?.published ?? [], topic) },
    publisher: {
      publish: async (topic, records) =>
        void worker?.published.push(...records.map((record) => ({ ...record, topic }))),
    },
    tokens: { read: noTokens },
    close: async () => undefined,
  };
}

function storeOf(worker: AgentWorker | undefined): CliPorts["blobs"] {
  if (!worker) throw new Error("there is no store in this test");
  return worker.blobs;
}

async function* recordsOf(published: readonly (LogRecord & { topic: string })[], wanted: string) {
  for (const [index, { topic, value }] of published.entries()) {
    if (topic === wanted) yield { value, position: String(index) };
  }
}

async function* noTokens(): AsyncGenerator<StreamedToken> {}

function collector(isTTY: boolean) {
  let text = "";
  const stream = Object.assign(
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        text += chunk.toString("utf8");
        done();
      },
    }),
    { isTTY, columns: 120 },
  );
  return { stream, text: () => text };
}
