import { readDeciders, WrongDecisionKey } from "../encryption/decision-keys.js";
import { type Deciders, NO_DECIDERS } from "../ports/deciders.js";
import { type Config, WrongSettings } from "./config.js";

/** Whose signatures count on gates. @throws WrongSettings for a file that is none */
export function openDeciders({ approverKeysFile }: Pick<Config, "approverKeysFile">): Deciders {
  if (approverKeysFile === undefined) return NO_DECIDERS;
  try {
    return readDeciders(approverKeysFile);
  } catch (error) {
    if (!(error instanceof WrongDecisionKey)) throw error;
    throw new WrongSettings([`WFLO_APPROVER_KEYS: ${error.message}`]);
  }
}
