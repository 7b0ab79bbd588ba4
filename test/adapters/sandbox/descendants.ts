import { readdirSync, readFileSync } from "node:fs";

/** Processes of this host that descend from one, whose command line has this text. */
export function descendants(root: number, commandHas = ""): readonly number[] {
  const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const parents = new Map(processes.map((pid) => [Number(pid), parentOf(pid)]));
  const isBelow = (pid: number | undefined): boolean =>
    pid !== undefined && pid > 1 && (parents.get(pid) === root || isBelow(parents.get(pid)));
  return [...parents.keys()].filter((pid) => isBelow(pid) && textOf(`/proc/${pid}/cmdline`).includes(commandHas));
}

export function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function parentOf(pid: string): number | undefined {
  const parent = /^PPid:\s+(\d+)$/m.exec(textOf(`/proc/${pid}/status`))?.[1];
  return parent === undefined ? undefined : Number(parent);
}
