import { ModelCallFailed, type Models } from "../../ports/models.js";
import { createPriceTable, type PriceSettings, type PriceTable } from "./price-table.js";
import type { Environment } from "./provider-settings.js";
import { createProviderModels, PROVIDER_NAMES } from "./providers.js";
import { createRecorder } from "./recorder.js";
import { createScriptFiles } from "./script-file.js";
import { createScriptedModels } from "./scripted.js";

/** What models and prices are made of. */
export interface ModelSettings {
  /** Where the providers' keys and addresses are. */
  readonly environment: Environment;
  /** Folder of scripted models. */
  readonly scriptsDir: string;
  /** `scripted//absolute/path` is allowed. */
  readonly allowScriptPaths: boolean;
  /** @default the bundled catalogue's */
  readonly prices?: PriceSettings;
  /** Real providers' answers are recorded into this folder, as scripts. @default nothing is recorded */
  readonly recordFolder?: string;
  /** Told of a recording that could not be written; the answer itself is not lost by it. */
  readonly onRecordProblem?: (message: string) => void;
}

/** All models that a process can call, by what stands before the slash, and what they cost. */
export function createModels(settings: ModelSettings): { readonly models: Models; readonly prices: PriceTable } {
  const { environment, scriptsDir, allowScriptPaths, recordFolder, onRecordProblem } = settings;
  const prices = createPriceTable(settings.prices);
  const providers = createProviderModels({ environment, prices });
  const real =
    recordFolder === undefined
      ? providers
      : createRecorder({
          models: providers,
          folder: recordFolder,
          ...(onRecordProblem ? { onProblem: onRecordProblem } : {}),
        });
  const files = createScriptFiles({ scriptsDir, allowPaths: allowScriptPaths });
  const scripted = createScriptedModels({ files, prices });
  const byName = new Map<string, Models>(PROVIDER_NAMES.map((name) => [name, real]));
  return { models: createRegistry(byName.set("scripted", scripted)), prices };
}

/** Routes by what stands before the slash. */
export function createRegistry(byName: ReadonlyMap<string, Models>): Models {
  const route = (model: string): Models => {
    const found = byName.get(/^([^/]+)\/./.exec(model)?.[1] ?? "");
    if (found) return found;
    const known = [...byName.keys()].sort().join(", ");
    const message = `there is no model ${JSON.stringify(model)}; write it as provider/model, with one of the providers ${known}`;
    throw new ModelCallFailed(message, { kind: "unknown-model", billed: "none" });
  };
  return {
    facts: async (model, at) => await route(model).facts(model, at),
    knownBound: async (model, turn) => await route(model).knownBound(model, turn),
    call: async (request, options) => await route(request.model).call(request, options),
  };
}
