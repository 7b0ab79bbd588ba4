import { isExcepted, type Policy } from "./policy.js";
import { type Component, nameOf, type Sbom } from "./scan.js";

/** Components whose licence is not among the policy's, a line each. */
export function licenceProblems({ components = [] }: Sbom, policy: Policy, today: string): readonly string[] {
  return components.flatMap((component) => {
    const { version } = component;
    const name = nameOf(component);
    const licence = licenceOf(component);
    if (isAllowed(licence, policy.licences) || isExcepted(policy, name, { licence }, today)) return [];
    return [
      `${name}@${version} has the licence ${licence}, which is not among those of deploy/supply-chain/policy.json`,
    ];
  });
}

function licenceOf({ licenses = [] }: Component): string {
  const named = licenses.map(({ license, expression }) => expression ?? license?.id ?? license?.name ?? "none");
  return named.length === 0 ? "none" : named.join(" AND ");
}

/** SPDX expressions: one of the alternatives has to be allowed in all its parts. */
function isAllowed(expression: string, allowed: readonly string[]): boolean {
  const alternatives = expression.replace(/[()]/g, "").split(/\s+OR\s+/);
  return alternatives.some((one) => one.split(/\s+AND\s+/).every((licence) => allowed.includes(licence)));
}
