import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { packageRoot } from "../../workers/tool-finder.js";
import { startProcess } from "../harness/processes.js";

/*
 * Loading a module is Node's business, so it is tried in a real process; jest has its own module system.
 */

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "wflo-agents-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function load(file: string, text?: string): Promise<string> {
  if (text !== undefined) await writeFile(join(folder, file), text);
  const program = `
    const { loadAgents } = await import(${JSON.stringify(join(packageRoot(), "workers/agent-module.ts"))});
    const config = { agentsModule: ${JSON.stringify(file)}, scriptsFolder: undefined };
    const words = await loadAgents(config, ${JSON.stringify(folder)}).then(
      ({ agents, scriptsFolder }) => [agents.map(({ name }) => name).join(), scriptsFolder].join(" "),
      (error) => error.message,
    );
    console.log("LOADED " + words.replaceAll("\\n", " "));`;
  const args = ["--import", join(packageRoot(), "scripts/typescript.mjs"), "--input-type=module", "--eval", program];
  const loaded = await startProcess({ command: process.execPath, args, env: { PATH: process.env.PATH } });
  return (await loaded.line(/^LOADED /)).slice("LOADED ".length);
}

const AGENT = `import { defineAgent } from "wflo";
export const helper = defineAgent({ name: "helper", model: "scripted/hello", instructions: "You help." });`;

test("a lone file may import wflo, and its scripts are beside it", async () => {
  expect(await load("./lone.mjs", AGENT)).toBe(`helper ${join(folder, "scripts/models")}`);
  expect(await load("typed.ts", `${AGENT}\nconst x: number = 1; export { x };`)).toContain("helper ");
});

test.each([
  ["that is not there", "./nowhere.mjs", undefined, /WFLO_AGENTS: .\/nowhere.mjs cannot be loaded: Cannot find module/],
  [
    "that does not parse",
    "./broken.mjs",
    "export const = 1",
    /WFLO_AGENTS: .\/broken.mjs cannot be loaded: .*Unexpected token/,
  ],
  ["that throws", "./throwing.mjs", "throw new Error('no database')", /cannot be loaded: no database/],
  ["that exports no agent", "./empty.mjs", "export const a = 1", /module ".\/empty.mjs": exports no agent/],
  ["with a wrong agent", "./wrong.mjs", AGENT.replace("scripted/hello", "hello"), /agent "helper": model "hello"/],
  ["that imports what is not installed", "./lost.mjs", 'import "left-pad-9"', /cannot be loaded: .*left-pad-9/],
])("a module %s is named, with what is wrong", async (_case, file, text, message) => {
  expect(await load(file, text)).toMatch(message);
});
