import type { DecisionSigner } from "../client/index.js";
import type { Session } from "./command.js";

/** Signs what is decided here, where there is a key: `--key`, or WFLO_APPROVER_KEY. @throws WrongDecisionKey */
export async function signerOf(
  { config }: Pick<Session, "config">,
  file = config.approverKeyFile,
): Promise<DecisionSigner | undefined> {
  if (file === undefined) return undefined;
  const { readDecisionKey } = await import("../encryption/decision-keys.js");
  return readDecisionKey(file);
}
