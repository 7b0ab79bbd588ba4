import { readFileSync } from "node:fs";
import { isRole, ROLES } from "../../core/roles.js";
import type { Access } from "../../ports/access.js";
import { type KnownToken, knownTokens } from "./known-tokens.js";

/** A file of tokens that is none: the message names the file, the entry and what is accepted. */
export class WrongTokenFile extends Error {
  override readonly name = "WrongTokenFile";
}

/**
 * Tokens of a file: `{"tokens":[{"name":"grafana","role":"viewer","sha256":"…"}]}`, with the SHA-256 of each token in hexadecimal, so that the file itself opens nothing.
 * @throws WrongTokenFile
 */
export function readTokenFile(path: string): Access {
  return knownTokens(tokensOf(path));
}

function tokensOf(path: string): readonly KnownToken[] {
  let parsed: { readonly tokens?: unknown };
  try {
    parsed = JSON.parse(readFileSync(path, "utf8")) as { readonly tokens?: unknown };
  } catch (error) {
    throw new WrongTokenFile(`${path} can't be read as JSON: ${(error as Error).message}`);
  }
  if (!Array.isArray(parsed?.tokens)) throw new WrongTokenFile(`${path} must be {"tokens":[…]}`);
  return parsed.tokens.map((entry, index) => tokenOf(entry, `${path}: tokens[${index}]`));
}

function tokenOf(entry: unknown, at: string): KnownToken {
  const { name, role, sha256 } = (entry ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof name !== "string" || !/^[\x21-\x7e]{1,100}$/.test(name))
    throw new WrongTokenFile(`${at}.name must be a word`);
  if (!isRole(role)) throw new WrongTokenFile(`${at}.role must be one of ${ROLES.join(", ")}`);
  if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/i.test(sha256)) {
    throw new WrongTokenFile(`${at}.sha256 must be 64 hexadecimal digits: \`printf %s TOKEN | sha256sum\``);
  }
  return { name, role, sha256: Buffer.from(sha256, "hex") };
}
