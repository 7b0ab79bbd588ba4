import { fileURLToPath } from "node:url";
import { connect } from "../client/index.js";
import { formatUsd } from "../core/money.js";
import type { RunResult } from "../core/run.js";
import type { Config } from "../workers/config.js";
import { openStores } from "../workers/stores.js";
import { whoAmI } from "./arguments.js";
import { askAboutGate } from "./gate-prompt.js";
import { createPrompt } from "./prompt.js";

/** What the demo needs of its surroundings. */
export interface DemoOptions {
  readonly config: Config;
  readonly uiUrl: string | undefined;
  /** People can be asked here. */
  readonly interactive: boolean;
  readonly say: (line: string) => void;
}

const SALES = `region,product,units,price
North,Lamp,12,80.00
North,Chair,9,150.00
South,Lamp,7,80.00
South,Table,2,463.75
West,Lamp,8,80.00
`;

const INPUT = {
  agent: "analyst",
  input: "What did each region sell in all? Leave the totals in a table.",
  budget: { limitUsd: "0.05", onExhausted: "fail" },
  files: { "sales.csv": SALES },
} as const;

/** Who decides where nobody can be asked. */
const NOBODY_HERE = "demo";

/**
 * Runs the built-in `analyst` on a scripted model: a sandboxed tool, an approval and a budget, without a key.
 * @returns its result, shown with its answer and its cost
 */
export async function runDemo({ config, uiUrl, interactive, say }: DemoOptions): Promise<RunResult> {
  const stores = openStores(config);
  const client = await connect({
    environment: config.environment,
    taskQueue: config.taskQueue,
    blobs: stores.blobs,
    ...(uiUrl === undefined ? {} : { uiUrl }),
  });
  try {
    say(`demo: the agent "${INPUT.agent}" adds up a file of sales; budget $${INPUT.budget.limitUsd}`);
    const run = await client.run({ ...INPUT, model: scriptFor(config) });
    const prompt = createPrompt({ stdin: process.stdin, stderr: process.stderr, environment: config.environment }, () =>
      process.emit("SIGINT"),
    );
    for await (const change of run.watch()) {
      if (change.kind === "thinking") say(`  turn ${change.turn}: ${change.model} is thinking`);
      if (change.kind === "answered") {
        const { inputTokens, outputTokens } = change.usage;
        say(`  turn ${change.turn}: answered · ${inputTokens}→${outputTokens} tokens · $${formatUsd(change.nanoUsd)}`);
      }
      if (change.kind === "tool" && change.stage !== "running") say(`  tool ${change.tool}: ${change.stage}`);
      if (change.kind === "gate" && change.gate.state === "pending") {
        if (interactive) await askAboutGate(run, change.gate, { prompt, by: whoAmI(config.environment) });
        else {
          say(
            `  gate ${change.gate.gate}: ${change.gate.title} Nobody can be asked here, so the demo approves it itself.`,
          );
          await run.approve(change.gate.gate, { by: NOBODY_HERE, digest: change.gate.digest });
        }
      }
    }
    const result = await run.result();
    showResult(result, run.webUrl, say);
    return result;
  } finally {
    await client.close();
    await stores.close();
  }
}

/** The script that ships, also where WFLO_SCRIPTS names another folder. */
function scriptFor({ scriptsFolder }: Config): string {
  if (scriptsFolder === undefined) return "scripted/demo";
  return `scripted/${fileURLToPath(new URL("../agents/scripts/models/demo", import.meta.url))}`;
}

function showResult(result: RunResult, webUrl: string, say: (line: string) => void): void {
  const { cost, files, output, status, stopReason, turns } = result;
  say("");
  say(output);
  say("");
  say(`status   ${status}${stopReason === undefined ? "" : ` (${stopReason})`}, ${turns} turns`);
  say(`cost     $${cost.usd} of $${INPUT.budget.limitUsd}`);
  for (const [name, address] of Object.entries(files)) say(`file     ${name} (${address.slice(0, 19)}…)`);
  say(`Web UI   ${webUrl}`);
}
