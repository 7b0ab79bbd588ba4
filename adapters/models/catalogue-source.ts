import { readFile } from "node:fs/promises";
import { REMOTE_DATA_JSON_URL } from "@pydantic/genai-prices";

/** A fetch that takes longer has failed, in milliseconds. */
const LONGEST_FETCH_MS = 60_000;

/** Where the catalogue's authors publish it. */
export const PUBLISHED_CATALOGUE = REMOTE_DATA_JSON_URL;

/**
 * What is published as a catalogue: a list of providers, or the file that a refresh has written elsewhere.
 * @param from a file, or an address that begins with http
 * @throws Error that says what to do
 */
export async function readPublished(from: string): Promise<unknown> {
  const isAddress = /^https?:\/\//.test(from);
  const text = await (isAddress ? fetched(from) : readFile(from, "utf8")).catch((error: Error) => {
    const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
    const advice = isAddress ? "; where there is no network, bring the file and name it with --from" : "";
    throw new Error(`${from} cannot be read: ${error.message}${cause}${advice}`);
  });
  const value = parsed(text, from);
  return typeof value === "object" && value !== null && "takenAt" in value ? value.providers : value;
}

function parsed(text: string, from: string): { readonly providers?: unknown } | null {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${from} is no JSON: ${(error as Error).message}`);
  }
}

async function fetched(address: string): Promise<string> {
  const response = await fetch(address, { signal: AbortSignal.timeout(LONGEST_FETCH_MS) });
  if (!response.ok) throw new Error(`it answers ${response.status}`);
  return await response.text();
}
