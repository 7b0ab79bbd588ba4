import { access } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { readName, whoAmI } from "../arguments.js";
import { type CommandContext, inSession, type Session } from "../command.js";

/** `wflo approver-key`: a person's key, and the public half of it for the workers. */
export function registerApproverKey(program: Command, context: CommandContext): void {
  program
    .command("approver-key")
    .description(
      "show the public half of a key that signs decisions, for WFLO_APPROVER_KEYS; makes the key where there is none",
    )
    .argument("<FILE>", "your private key (PEM)", readName)
    .option("--by <WHO>", "whose decisions it signs (default: your user name)", readName)
    .action(
      inSession(context, async ({ surroundings, output }: Session, file: string, flags: { readonly by?: string }) => {
        const { publicDecisionKey, writeDecisionKey } = await import("../../encryption/decision-keys.js");
        const path = resolve(surroundings.folder, file);
        const isThere = await access(path).then(
          () => true,
          () => false,
        );
        if (!isThere) {
          writeDecisionKey(path);
          output.say(`made ${path}: keep it to yourself`);
        }
        const jwk = publicDecisionKey(path, flags.by ?? whoAmI(surroundings.environment));
        output.say('one of the "keys" in the file that WFLO_APPROVER_KEYS names:');
        output.answer(jwk, () => JSON.stringify(jwk));
        return undefined;
      }),
    );
}
