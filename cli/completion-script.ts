import type { Command } from "commander";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** A command with what may follow it. */
interface Completable {
  /** `budget add`; empty: the program itself. */
  readonly path: string;
  readonly description: string;
  /** Names of its commands. */
  readonly commands: readonly string[];
  readonly options: readonly { readonly flag: string; readonly description: string }[];
}

/** A script for a shell, made from the commands as they are. */
export function completionScript(shell: Shell, program: Command): string {
  const all = completables(program);
  switch (shell) {
    case "bash":
      return bash(all);
    case "zsh":
      return zsh(all);
    case "fish":
      return fish(all);
  }
}

function completables(command: Command, path = ""): readonly Completable[] {
  const inner = command.commands.map((child) => ({ child, at: `${path} ${child.name()}`.trim() }));
  const own: Completable = {
    path,
    description: command.description(),
    commands: command.commands.map((child) => child.name()),
    options: command
      .createHelp()
      .visibleOptions(command)
      .map(({ long, description }) => ({ flag: long ?? "", description })),
  };
  return [own, ...inner.flatMap(({ child, at }) => completables(child, at))];
}

/** The words before the cursor that are commands, as a path; the options of that command, or the commands below it. */
function bash(all: readonly Completable[]): string {
  const cases = all.map(({ path, commands, options }) => {
    const words = [...commands, ...options.map(({ flag }) => flag)].join(" ");
    return `    "${path}") words="${words}" ;;`;
  });
  return `# bash completion for wflo
_wflo() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" words="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case " ${pathsOf(all).join("  ")} " in
      *" \${path:+$path/}$word "*) path="\${path:+$path/}$word" ;;
    esac
  done
  case "\${path//\\// }" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ \${#COMPREPLY[@]} -gt 0 ]] || compopt -o default
}
complete -F _wflo wflo
`;
}

function zsh(all: readonly Completable[]): string {
  const cases = all.map(({ path, commands, options }) => {
    const told = [
      ...commands.map((name) => `${name}:${descriptionOf(all, `${path} ${name}`.trim())}`),
      ...options.map(({ flag, description }) => `${flag}:${description}`),
    ];
    return `    ${quoted(path)}) offered=(${told.map(quoted).join(" ")}) ;;`;
  });
  return `#compdef wflo
# zsh completion for wflo
_wflo() {
  local path_="" word
  local -a words_before=("\${(@)words[2,CURRENT-1]}") known=(${pathsOf(all).map(quoted).join(" ")})
  for word in $words_before; do
    (( \${known[(Ie)\${path_:+$path_/}$word]} )) && path_="\${path_:+$path_/}$word"
  done
  local -a offered
  case "\${path_//\\// }" in
${cases.join("\n")}
  esac
  _describe 'wflo' offered || _files
}
if [ "$funcstack[1]" = "_wflo" ]; then _wflo "$@"; else compdef _wflo wflo; fi
`;
}

function fish(all: readonly Completable[]): string {
  const lines = all.flatMap(({ path, commands, options }) => {
    const names = path.split(" ").filter((word) => word !== "");
    const seen = names.map((name) => `__fish_seen_subcommand_from ${name}`);
    const none = commands.length > 0 ? [`not __fish_seen_subcommand_from ${commands.join(" ")}`] : [];
    const condition = quoted([...seen, ...none].join("; and ") || "true");
    return [
      ...commands.map(
        (name) =>
          `complete -c wflo -f -n ${condition} -a ${name} -d ${quoted(descriptionOf(all, `${path} ${name}`.trim()))}`,
      ),
      ...options.map(
        ({ flag, description }) => `complete -c wflo -n ${condition} -l ${flag.slice(2)} -d ${quoted(description)}`,
      ),
    ];
  });
  return `# fish completion for wflo\n${lines.join("\n")}\n`;
}

function pathsOf(all: readonly Completable[]): readonly string[] {
  return all.map(({ path }) => path.replaceAll(" ", "/")).filter((path) => path !== "");
}

function descriptionOf(all: readonly Completable[], path: string): string {
  return all.find((one) => one.path === path)?.description ?? "";
}

/** In single quotes, for all three shells. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "’")}'`;
}
