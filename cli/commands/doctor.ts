import type { Command } from "commander";
import { readConfig } from "../../workers/config.js";
import { checkWords } from "../check-words.js";

/** `wflo doctor`: what a run needs here, looked at; with `--fix` what may be repaired is. */
export function registerDoctor(program: Command, { environment }: { readonly environment: NodeJS.ProcessEnv }): void {
  program
    .command("doctor")
    .description("look at everything that a run needs here, and say how to mend it")
    .option("--fix", "register missing search attributes", false)
    .option("--json", "one JSON document on stdout", false)
    .action(async ({ fix, json }: { fix: boolean; json: boolean }) => {
      const { diagnose } = await import("../../workers/doctor.js");
      const { createLogger } = await import("../../adapters/pino/logger.js");
      const checks = await diagnose(readConfig(environment), createLogger({ level: "error", environment }), { fix });
      const ok = checks.every((check) => check.ok);
      process.stdout.write(json ? `${JSON.stringify({ ok, checks })}\n` : `${checks.map(checkWords).join("\n")}\n`);
      process.exitCode = ok ? 0 : 1;
    });
}
