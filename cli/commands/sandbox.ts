import type { Command } from "commander";
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
        const checks = await (await openSandbox(config, createLogger({ level: "error", environment }))).check();
        const ok = checks.every((check) => check.ok);
        output.answer({ ok, checks }, () => checks.map(checkWords).join("\n"));
        return ok ? EXIT_CODES.done : EXIT_CODES.runFailed;
      }),
    );
}
