import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { JsonObject } from "../core/json.js";
import { readAuditKey, WrongAuditKey } from "../encryption/audit-key.js";
import { type WitnessedLog, witnessedEventLog } from "../encryption/witnessed-event-log.js";
import type { AuditKey } from "../ports/audit-key.js";
import type { EventLog } from "../ports/event-log.js";
import { type Config, WrongSettings } from "./config.js";
import { VARIABLES } from "./variables.js";

/** The event log of a worker process, on which it keeps a chain of its own. @throws WrongSettings for a key that is none */
export function openWitness(config: Config, log: EventLog): WitnessedLog {
  const name = { worker: `${process.pid}@${hostname()}`, boot: randomUUID() };
  return witnessedEventLog(log, { topic: config.topics.audit, name, key: keyOf(config), now: () => new Date() });
}

function keyOf({ auditKeyFile }: Config): AuditKey | undefined {
  if (auditKeyFile === undefined) return undefined;
  try {
    return readAuditKey(auditKeyFile);
  } catch (error) {
    if (!(error instanceof WrongAuditKey)) throw error;
    throw new WrongSettings([`WFLO_AUDIT_KEY: ${error.message}`]);
  }
}

/** Variables whose values are nobody's business: that they are set is enough. */
const SECRET = /KEY|TOKEN|SECRET|PASSWORD/;

/** The settings of a process as its environment has them, for the audit log: values of secrets are left out. */
export function settingsFacts(environment: NodeJS.ProcessEnv): JsonObject {
  const names = [...Object.keys(VARIABLES), "TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"].sort();
  const set = names.filter((name) => (environment[name] ?? "").trim() !== "");
  return Object.fromEntries(
    set.map((name) => [name, SECRET.test(name) ? "(set)" : withoutPassword(environment[name] ?? "")]),
  );
}

/** A URL may have one. */
function withoutPassword(value: string): string {
  return value.replace(/\/\/[^/@\s]*@/g, "//(set)@");
}
