import { createMemoryEventLog } from "../../../adapters/memory/event-log.js";
import { eventLogSuite } from "../../ports/event-log.suite.js";

eventLogSuite({ open: async () => createMemoryEventLog() });
