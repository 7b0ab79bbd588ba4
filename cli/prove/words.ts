import type { LedgerEntry } from "../../core/ledger-entries.js";
import { formatUsd, toNanoUsd } from "../../core/money.js";
import type { Evidence } from "../../core/proof.js";
import { table } from "../output.js";
import type { Proof } from "./world.js";

/** One fault, with both ledgers side by side. */
export function proofWords({ fault, evidence, problems, skipped }: Proof): string {
  if (skipped !== undefined) return `– ${fault.name}: not tried, ${skipped}`;
  const verdict = problems.length === 0 ? `✓ ${fault.name}` : `✗ ${fault.name}: ${problems.join("; ")}`;
  if (!evidence) return verdict;
  const books = table(["THE PROVIDER BILLED", "", "OUR BOOKS", "", "", ""], sideBySide(evidence));
  return `${verdict}\n${books.replaceAll(/^/gm, "    ")}`;
}

/** A line of ours beside the request that it is about; what has no other side stands alone. */
function sideBySide({
  billed,
  entries,
  confirmedNanoUsd,
  unconfirmedNanoUsd,
}: Evidence): (readonly (string | undefined)[])[] {
  const left = new Map(billed.map((request) => [request.requestId, request]));
  const rows = entries.map((entry) => {
    const request = entry.requestId === undefined ? undefined : left.get(entry.requestId);
    if (request) left.delete(request.requestId);
    return [request?.requestId ?? " ", request ? usd(request.nanoUsd) : " ", ...ours(entry)];
  });
  const unheard = [...left.values()].map(({ requestId, nanoUsd }) => [
    requestId,
    usd(nanoUsd),
    " ",
    "not heard of",
    " ",
    " ",
  ]);
  const theirs = billed.reduce((sum, { nanoUsd }) => sum + nanoUsd, 0);
  const total = `${usd(confirmedNanoUsd)} and ${usd(unconfirmedNanoUsd)} unconfirmed`;
  return [...rows, ...unheard, ["in all", usd(theirs), "in all", total, " ", " "]];
}

function ours({ kind, attempt, nanoUsd, requestId }: LedgerEntry): (string | undefined)[] {
  return [attempt ?? " ", kind, usd(nanoUsd), requestId ?? " "];
}

/** How it all went, in one line. */
export function summaryWords(proofs: readonly Proof[]): string {
  const tried = proofs.filter(({ skipped }) => skipped === undefined);
  const broken = tried.filter(({ problems }) => problems.length > 0);
  if (broken.length > 0) return `${broken.length} of ${tried.length} faults broke a promise`;
  const cap = usd(tried[0]?.evidence?.capNanoUsd ?? 0);
  return `${tried.length} faults: every run completed, no bill passed its cap of ${cap}, no answer that arrived was bought twice, and our books cover what was billed`;
}

function usd(nanoUsd: number): string {
  return `$${formatUsd(toNanoUsd(nanoUsd))}`;
}
