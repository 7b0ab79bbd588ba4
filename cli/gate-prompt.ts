import { createInterface } from "node:readline/promises";
import type { RunHandle } from "../client/index.js";
import { CommandRefused } from "../client/index.js";
import type { GateView } from "../core/gate.js";
export async function askAboutGate(run: Pick<RunHandle, "approve" | "reject">, gate: GateView): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    process.stderr.write(`\n${gate.title}\n  ${gate.tool} ${JSON.stringify(gate.args)}\n  ${gate.digest}\n`);
    const word = (await terminal.question("Approve? [y/n] ")).trim().toLowerCase();
    const by = process.env.USER ?? "terminal";
    if (word === "y" || word === "yes") await run.approve(gate.gate, { by, digest: gate.digest });
    else await run.reject(gate.gate, { by });
  } catch (error) {
    if (!(error instanceof CommandRefused)) throw error;
    process.stderr.write(`${error.message}\n`);
  } finally {
    terminal.close();
  }
}
