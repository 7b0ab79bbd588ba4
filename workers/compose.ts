import { createCallJournal } from "../activities/call-journal.js";
import type { ActivityPorts } from "../activities/index.js";
import type { OfferedAgent } from "../activities/resolve-agent.js";
import { createCodeTool } from "../activities/run-code.js";
import type { DeployedTool } from "../activities/run-tool.js";
import { createSchemaChecker } from "../activities/schema-checker.js";
import { createWorkspaces } from "../activities/workspace.js";
import { withCircuitBreaker } from "../adapters/models/circuit-breaker.js";
import { createModels } from "../adapters/models/model-registry.js";
import { BUNDLED, type Catalogue } from "../adapters/models/price-catalogue.js";
import { withRateLimits } from "../adapters/models/rate-limits.js";
import { withResponseCache } from "../adapters/models/response-cache.js";
import type { AgentDefinition } from "../agents/agent.js";
import { type Offer, offerOf } from "../agents/module.js";
import type { ToolDefinition } from "../agents/tool.js";
import type { ToolPolicy } from "../core/agent.js";
import { LIMIT_NAMES, type SandboxLimits } from "../core/sandbox-limits.js";
import type { Logger } from "../ports/logger.js";
import type { Meters } from "../ports/meters.js";
import type { Models } from "../ports/models.js";
import type { Sandbox } from "../ports/sandbox.js";
import { loadAgents } from "./agent-module.js";
import type { Config } from "./config.js";
import { openDeciders } from "./deciders.js";
import { openEgress } from "./egress.js";
import { readPriceSettings } from "./price-settings.js";
import { openSandbox } from "./sandbox.js";
import { openStores, type Stores } from "./stores.js";

/** Everything that a worker process is made of. */
export interface Composition {
  readonly offer: Offer;
  readonly sandbox: Sandbox;
  readonly stores: Stores;
  readonly ports: ActivityPorts;
  /** Every tool that any agent here has. */
  readonly tools: readonly ToolPolicy[];
  close(): Promise<void>;
}

/**
 * Settings → ports.
 * @param searchAttributes the namespace has the contract's search attributes
 * @throws WrongSettings for files that settings name, DefinitionError for agents, with what is wrong in them
 */
export async function compose(
  config: Config,
  { logger, meters, searchAttributes }: { logger: Logger; meters: Meters; searchAttributes: boolean },
): Promise<Composition> {
  const { agents, scriptsFolder } = await loadAgents(config);
  const offer = offerOf(agents);
  const priceSettings = await readPriceSettings(config);
  tellIfOld(priceSettings.catalogue, logger);
  const { models, prices } = createModels({
    environment: config.environment,
    scriptsDir: scriptsFolder,
    allowScriptPaths: config.allowScriptPaths,
    prices: priceSettings,
    ...(config.recordFolder === undefined ? {} : { recordFolder: config.recordFolder }),
    onRecordProblem: (message) => logger.warn(message),
  });
  const stores = openStores(config, (message) => logger.warn(message));
  tellWhatIsCapped(offer, config.sandboxCeiling, logger);
  const egress = openEgress();
  const sandbox = await openSandbox(config, logger, egress);
  const workspaces = createWorkspaces(stores.blobs);
  const ports: ActivityPorts = {
    models: protectedModels(models, { config, stores, meters }),
    blobs: stores.blobs,
    transcripts: stores.transcripts,
    journal: createCallJournal(stores.objects),
    tokens: stores.tokens,
    meters,
    schemas: createSchemaChecker(),
    deciders: openDeciders(config),
    executors: executorsOf(offer),
    code: createCodeTool({ sandbox, workspaces, ceiling: config.sandboxCeiling }),
    locks: stores.locks,
    secrets: config.secrets,
    agents: new Map(agents.map((agent) => [agent.name, offered(agent)])),
    workspaces,
    priceBook: prices.book,
    unpriced: config.unpriced,
    searchAttributes,
    now: () => new Date(),
    eventLog: stores.eventLog,
    topics: config.topics,
  };
  return {
    offer,
    sandbox,
    stores,
    ports,
    tools: [...offer.tools.values()].map(({ spec }) => spec),
    async close() {
      await sandbox.close?.();
      await egress.close();
      await stores.close();
    },
  };
}

/** Outermost first: what was bought before costs no request, and a provider's limit is not its fault. */
function protectedModels(
  models: Models,
  { config, stores, meters }: { readonly config: Config; readonly stores: Stores; readonly meters: Meters },
): Models {
  const unbroken = withCircuitBreaker(models, { meters });
  const limited = withRateLimits(unbroken, { limiter: stores.limiter, limits: config.rateLimits });
  return withResponseCache(limited, { cache: stores.cache, meters });
}

/** An agent that asks for more than this worker gives is told of once, not by executions that end too soon. */
function tellWhatIsCapped({ tools }: Offer, ceiling: SandboxLimits, logger: Logger): void {
  for (const { spec } of tools.values()) {
    const wanted = (spec.settings?.limits ?? {}) as Partial<SandboxLimits>;
    const capped = LIMIT_NAMES.filter((name) => (wanted[name] ?? 0) > ceiling[name]);
    if (capped.length === 0) continue;
    const words = capped.map((name) => `${name} ${wanted[name]} (here at most ${ceiling[name]})`).join(", ");
    logger.warn(`the tool ${spec.name} asks for more than WFLO_SANDBOX_LIMITS allows: ${words}`);
  }
}

/** A package that was updated has newer prices than a catalogue that was refreshed before. */
function tellIfOld({ name, day }: Catalogue, logger: Logger): void {
  if (day >= BUNDLED.day) return;
  logger.warn(`the prices are ${name}, and this version brings those of ${BUNDLED.day}: run wflo prices refresh`);
}

function offered(agent: AgentDefinition): OfferedAgent {
  const { kind: _kind, description: _description, tools, approvals, ...rest } = agent;
  return { ...rest, tools: tools.map(({ spec }) => spec), approvalTools: approvals };
}

function executorsOf(offer: Offer): Readonly<Record<string, DeployedTool>> {
  const deployed = [...offer.tools.values()].filter(
    (tool): tool is ToolDefinition & { execute: DeployedTool["execute"] } => tool.execute !== undefined,
  );
  return Object.fromEntries(
    deployed.map(({ spec, execute, resource, secrets }) => {
      const more = { ...(resource ? { resource } : {}), ...(secrets ? { secrets } : {}) };
      return [spec.name, { version: spec.version, execute, ...more }];
    }),
  );
}
