import { Argument, type Command } from "commander";
import type { CommandContext } from "../command.js";
import { completionScript, SHELLS, type Shell } from "../completion-script.js";

const HELP = `
Examples:
  bash   wflo completion bash > ~/.local/share/bash-completion/completions/wflo
  zsh    wflo completion zsh > "\${fpath[1]}/_wflo"
  fish   wflo completion fish > ~/.config/fish/completions/wflo.fish`;

/** `wflo completion`: the script that lets a shell complete commands and options. */
export function registerCompletion(program: Command, { surroundings, finish }: CommandContext): void {
  program
    .command("completion")
    .description("print a script that completes commands and options")
    .addArgument(new Argument("<SHELL>", "the shell").choices(SHELLS))
    .addHelpText("after", HELP)
    .action((shell: Shell) => {
      surroundings.stdout.write(completionScript(shell, program));
      finish(0);
    });
}
