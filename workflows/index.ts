export { agentRun } from "./agent-run.js";
export { budgetAccount } from "./budget-account.js";
export { deliverEvents } from "./deliver-events.js";
