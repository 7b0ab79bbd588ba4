import { DEFAULT_SANDBOX_LIMITS, type Sandbox, type SandboxResult } from "../../../ports/sandbox.js";
import type { HostileProgram } from "./hostile-program.js";
import type { HostileWorld } from "./world.js";

export interface Judgement {
  readonly result: SandboxResult;
  /** What was not contained; empty where all was. */
  readonly faults: readonly string[];
}

/** Runs a hostile program, and looks from inside and outside at what came of it. */
export async function judge(sandbox: Sandbox, program: HostileProgram, world: HostileWorld): Promise<Judgement> {
  const limits = { ...DEFAULT_SANDBOX_LIMITS, wallMs: 45_000, ...program.limits };
  const request = { language: program.language ?? "python", code: program.code(world), files: [], limits } as const;
  const result = await sandbox.run(request, { signal: new AbortController().signal });
  const output = `${result.stdout}\n${result.stderr}`;
  const paths = result.files.map(({ path }) => path);
  const expected = program.expected ?? { exitCode: 0, timedOut: false };
  const wrong = Object.entries(expected).filter(([name, value]) => result[name as keyof SandboxResult] !== value);
  const faults = [
    ...output.split("\n").filter((line) => line.startsWith("ESCAPED")),
    ...(output.includes(world.secret) ? ["the secret was printed"] : []),
    ...result.files
      .filter(({ content }) => Buffer.from(content).includes(world.secret))
      .map(({ path }) => `${path} holds the secret`),
    ...(program.expected || /^tried$/m.test(output) ? [] : ["it did not come to its end"]),
    ...wrong.map(([name, value]) => `${name} is ${result[name as keyof SandboxResult]}, not ${String(value)}`),
    ...(program.files && paths.join("\n") !== program.files.join("\n")
      ? [`collected were ${JSON.stringify(paths)}`]
      : []),
    ...(await world.damage()),
  ];
  return { result, faults };
}
