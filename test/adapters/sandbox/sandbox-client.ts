import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import {
  type Sandbox,
  type SandboxCheck,
  type SandboxRequest,
  type SandboxResult,
  SandboxUnavailable,
} from "../../../ports/sandbox.js";
import { packageRoot } from "../../../workers/tool-finder.js";

/** Node closes what it inherits up to number 15; what comes after a gap it leaves open. */
const GAP = Array.from({ length: 37 }, () => "ignore" as const);

/** Files travel as base64. */
type Wired<T extends { readonly files: readonly unknown[] }> = Omit<T, "files"> & {
  readonly files: readonly { readonly path: string; readonly content: string; readonly executable?: boolean }[];
};

export type Question =
  | { readonly id: number; readonly kind: "run"; readonly request: Wired<SandboxRequest> }
  | { readonly id: number; readonly kind: "check" }
  | { readonly id: number; readonly kind: "abort"; readonly reason: string };

export interface Answer {
  readonly id: number;
  readonly result?: Wired<SandboxResult>;
  readonly checks?: readonly SandboxCheck[];
  readonly error?: { readonly name: string; readonly message: string };
}

export interface SandboxProcess {
  readonly sandbox: Sandbox;
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

export interface SandboxProcessStart {
  /** Of bubblewrap, or of the backend that is named. */
  readonly bwrapPath: string;
  /** @default "bubblewrap" */
  readonly backend?: "bubblewrap" | "gvisor";
  /** The user that it runs as. @default this one */
  readonly uid?: number;
  /** A descriptor of this process that it inherits as number 40. */
  readonly inherited?: number;
  /** How many sandboxes stand by. @default 0 */
  readonly standby?: number;
}

export async function startSandboxProcess({
  bwrapPath,
  backend = "bubblewrap",
  uid,
  inherited,
  standby = 0,
}: SandboxProcessStart): Promise<SandboxProcess> {
  const script = join(packageRoot(), "test/adapters/sandbox/sandbox-process.ts");
  const program = [
    "--import",
    join(packageRoot(), "scripts/typescript.mjs"),
    script,
    bwrapPath,
    backend,
    String(standby),
  ];
  const child = spawn(process.execPath, program, {
    cwd: "/",
    stdio: ["pipe", "pipe", "inherit", ...(inherited === undefined ? [] : [...GAP, inherited])],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const waiting = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>();
  const answerTo = async (id: number) =>
    await new Promise<Answer>((resolve, reject) => waiting.set(id, { resolve, reject }));
  if (!(child.stdin && child.stdout)) throw new Error("the process has no pipes");
  const { stdin, stdout } = child;
  createInterface({ input: stdout }).on("line", (line) => {
    const answer = JSON.parse(line) as Answer;
    if (answer.error) waiting.get(answer.id)?.reject(errorOf(answer.error));
    else waiting.get(answer.id)?.resolve(answer);
  });
  child.once("exit", () => {
    for (const { reject } of waiting.values()) reject(new Error("the process with the sandbox has ended"));
  });
  stdin.on("error", () => undefined);
  const say = (question: Question) => void stdin.write(`${JSON.stringify(question)}\n`);
  await answerTo(0);
  let asked = 0;
  const ask = async (question: (id: number) => Question, signal?: AbortSignal) => {
    asked += 1;
    const id = asked;
    say(question(id));
    const abort = () => say({ id, kind: "abort", reason: (signal?.reason as Error | undefined)?.message ?? "" });
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort);
    return await answerTo(id);
  };
  return {
    child,
    sandbox: clientOf(ask),
    async stop() {
      stdin.end();
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
  };
}

function clientOf(ask: (question: (id: number) => Question, signal?: AbortSignal) => Promise<Answer>): Sandbox {
  return {
    backend: "bubblewrap",
    async run(request, { signal }) {
      const files = request.files.map((file) => ({ ...file, content: Buffer.from(file.content).toString("base64") }));
      const { result } = await ask((id) => ({ id, kind: "run", request: { ...request, files } }), signal);
      if (!result) throw new Error("the answer has no result");
      const left = result.files.map((file) => ({ ...file, content: Buffer.from(file.content, "base64") }));
      return { ...result, files: left };
    },
    check: async () => (await ask((id) => ({ id, kind: "check" }))).checks ?? [],
  };
}

function errorOf({ name, message }: NonNullable<Answer["error"]>): Error {
  return name === "SandboxUnavailable" ? new SandboxUnavailable(message) : new Error(message);
}
