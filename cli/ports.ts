import type { Blobs } from "../activities/blobs.js";
import type { EventLog, EventReader } from "../ports/event-log.js";
import type { TokenStream } from "../ports/token-stream.js";
import type { Config } from "../workers/config.js";
import { openStores } from "../workers/stores.js";

/** What the command line reads and writes outside Temporal. */
export interface CliPorts {
  readonly blobs: Pick<Blobs, "get" | "put">;
  readonly eventLog: EventReader;
  /** Takes corrections of what runs that have ended told. */
  readonly publisher: Pick<EventLog, "publish">;
  readonly tokens: Pick<TokenStream, "read">;
  close(): Promise<void>;
}

/** Opens the stores that the settings name: the same ones as the workers', where both have the same settings. */
export function openPorts(config: Config): CliPorts {
  const stores = openStores(config);
  return { ...stores, publisher: stores.eventLog };
}
