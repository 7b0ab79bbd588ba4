export { agentRun } from "./agent-run.js";
export { deliverEvents } from "./deliver-events.js";
