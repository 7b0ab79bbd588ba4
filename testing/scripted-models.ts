import { createPriceTable } from "../adapters/models/price-table.js";
import { parseScript } from "../adapters/models/script.js";
import { createScriptedModels } from "../adapters/models/scripted.js";
import { ModelCallFailed, type ModelRequest, type Models } from "../ports/models.js";

/** Models that play scripts, and what they were asked, oldest first. */
export interface RecordingModels extends Models {
  readonly requests: readonly ModelRequest[];
}

/**
 * The provider `scripted` over scripts in memory: `scripted/NAME` plays `scripts[NAME]`, which is CONTRACT's JSON.
 * @throws Error that names the script and each wrong field
 */
export function scriptedModels(scripts: Readonly<Record<string, unknown>>): RecordingModels {
  const read = Object.entries(scripts).map(([name, json]) => {
    const script = parseScript(json);
    if ("problems" in script) throw new Error(`the script ${name} is wrong: ${script.problems.join("; ")}`);
    return [name, { script, name }] as const;
  });
  const loaded = new Map(read);
  const load = async (name: string) => {
    const found = loaded.get(name);
    if (found) return found;
    const known = [...loaded.keys()].join(", ") || "none";
    throw new ModelCallFailed(`there is no script ${name}; there are: ${known}`, {
      kind: "unknown-model",
      billed: "none",
    });
  };
  const models = createScriptedModels({ files: { load }, prices: createPriceTable() });
  const requests: ModelRequest[] = [];
  return {
    ...models,
    requests,
    call: async (request, options) => {
      requests.push(request);
      return await models.call(request, options);
    },
  };
}
