import { createRequire, registerHooks } from "node:module";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { AgentDefinition } from "../agents/agent.js";
import { BUILT_IN_AGENTS } from "../agents/built-in.js";
import { builtInTrigger } from "../agents/built-in-trigger.js";
import { agentsOf, triggersOf } from "../agents/module.js";
import type { TriggerDefinition } from "../agents/trigger.js";
import type { Config } from "./config.js";
import { packageRoot } from "./tool-finder.js";

/** The agents of a worker, and the folder of their scripted models. */
export interface LoadedAgents {
  readonly agents: readonly AgentDefinition[];
  /** The built-in one first. */
  readonly triggers: readonly TriggerDefinition[];
  readonly scriptsFolder: string;
}

/** Packages that an agent module may import although they are installed with Wflo only. */
const LENT = /^(wflo|zod)(\/|$)/;

/**
 * Loads the module that WFLO_AGENTS names (a path from `folder`, or a package), else the built-in agents.
 * @throws DefinitionError, or an Error that names the module and says why it can't be loaded
 */
export async function loadAgents(config: Config, folder: string = process.cwd()): Promise<LoadedAgents> {
  if (config.agentsModule === undefined) {
    const scripts = join(dirname(fileURLToPath(import.meta.url)), "../agents/scripts/models");
    return { agents: BUILT_IN_AGENTS, triggers: [builtInTrigger], scriptsFolder: config.scriptsFolder ?? scripts };
  }
  const file = moduleFile(config.agentsModule, folder);
  lendPackages();
  const module = await importModule(file, config.agentsModule);
  return {
    agents: agentsOf(module, config.agentsModule),
    triggers: [builtInTrigger, ...triggersOf(module)],
    scriptsFolder: config.scriptsFolder ?? join(dirname(file), "scripts/models"),
  };
}

function moduleFile(name: string, folder: string): string {
  if (isAbsolute(name) || /^\.{1,2}\//.test(name)) return resolve(folder, name);
  try {
    return createRequire(join(folder, "agents.js")).resolve(name);
  } catch {
    return resolve(folder, name);
  }
}

async function importModule(file: string, name: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    if (error instanceof Error && error.name === "DefinitionError") throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`WFLO_AGENTS: ${name} cannot be loaded: ${why}`, { cause: error });
  }
}

let lent = false;

/** Lets a lone file be an agent module: `wflo` and `zod` are ours where the module has none of its own. */
function lendPackages(): void {
  if (lent) return;
  lent = true;
  const ours = pathToFileURL(join(packageRoot(), "package.json")).href;
  registerHooks({
    resolve(specifier, context, next) {
      try {
        return next(specifier, context);
      } catch (error) {
        const isMissing = (error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND";
        if (isMissing && LENT.test(specifier)) return next(specifier, { ...context, parentURL: ours });
        throw error;
      }
    },
  });
}
