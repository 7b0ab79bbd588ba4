import type { NativeConnection } from "@temporalio/worker";
import type { Logger } from "../ports/logger.js";
import { SEARCH_ATTRIBUTES } from "./dev-server-flags.js";

/** `temporal.api.enums.v1.IndexedValueType`. */
const INDEXED_VALUE_TYPES = { Keyword: 2, Int: 3 } as const;

/**
 * Registers what the namespace lacks of the contract's search attributes.
 * @returns true where runs may use them; false where they are missing and may not be registered from here: said in the log
 */
export async function ensureSearchAttributes(
  connection: NativeConnection,
  namespace: string,
  logger: Logger,
): Promise<boolean> {
  try {
    const missing = await missingSearchAttributes(connection, namespace);
    if (missing.length === 0) return true;
    const wanted = missing.map((name) => [name, INDEXED_VALUE_TYPES[SEARCH_ATTRIBUTES[name] ?? "Keyword"]]);
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: Object.fromEntries(wanted) });
    logger.info(`registered the search attributes ${missing.join(", ")} in the namespace ${namespace}`);
    return true;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const advice = "runs go on without them; register them with `wflo doctor --fix` or your operator's tools";
    logger.warn(`the Wflo search attributes cannot be registered in the namespace ${namespace} (${why}); ${advice}`);
    return false;
  }
}

/** Names that the namespace lacks. @throws what the server says where it may not be asked */
export async function missingSearchAttributes(connection: NativeConnection, namespace: string): Promise<string[]> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  return Object.keys(SEARCH_ATTRIBUTES).filter((name) => customAttributes[name] === undefined);
}
