import { BUILT_IN_TRIGGER, builtInAction, decideTrigger } from "../core/trigger.js";
import type { TriggerDefinition } from "./trigger.js";

/** `{"id","agent","input",…}` as it is; or `{"id","workflowId","signal","payload"}`, a word to a run that goes on. */
export const builtInTrigger: TriggerDefinition = {
  kind: "trigger",
  name: BUILT_IN_TRIGGER,
  topic: BUILT_IN_TRIGGER,
  limits: {},
  async decide(event, _context, agents) {
    const read = builtInAction(event);
    if ("problem" in read) return { kind: "refused", problems: [read.problem] };
    return decideTrigger({ name: BUILT_IN_TRIGGER, ...read }, agents);
  },
};
