import type { Command } from "commander";
import type { Sandbox, SandboxCheck } from "../../ports/sandbox.js";
import { checkWords } from "../check-words.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { EXIT_CODES } from "../exit-codes.js";

/** `wflo sandbox check`: what this host gives code that nobody has read. */
export function registerSandbox(program: Command, context: CommandContext): void {
  const sandbox = program.command("sandbox").description("where code from models runs");
  withJson(sandbox.command("check"))
    .description("probe what this host gives the sandbox; each finding with its fix")
    .action(
      inSession(context, async ({ config, output }: Session) => {
        const { openSandbox } = await import("../../workers/sandbox.js");
        const { createLogger } = await import("../../adapters/pino/logger.js");
        const { environment } = config;
        const sandbox = await openSandbox(config, createLogger({ level: "error", environment }));
        const checks = [...(await sandbox.check()), ...strongerCheck(sandbox)];
        const ok = checks.every((check) => check.ok);
        output.answer({ ok, checks }, () => checks.map(checkWords).join("\n"));
        return ok ? EXIT_CODES.done : EXIT_CODES.runFailed;
      }),
    );
}

/** What would isolate more, and how to get it. */
function strongerCheck({ backend, isolation, why }: Sandbox): readonly SandboxCheck[] {
  const advice: Readonly<Record<string, string>> = {
    bubblewrap:
      "for a kernel of its own set WFLO_SANDBOX=gvisor: it wants root, cgroups, and runsc or Go to build it once",
    wasm: "for files, Python and shells use bubblewrap or gVisor, on Linux with user namespaces",
  };
  const more = isolation === "gvisor" ? undefined : advice[backend];
  if (more === undefined) return [];
  return [{ name: "stronger", ok: true, detail: `${why === undefined ? "" : `${why}; `}${more}` }];
}
