/** Where a secret is; never the secret itself. */
export interface SecretRef {
  readonly from: "env" | "file" | "store";
  /** A variable's name, a file's path, or the name in the store. */
  readonly name: string;
}

/** Reads `env:NAME`, `file:PATH` or `store:NAME`. */
export function parseSecretRef(text: unknown): SecretRef | { readonly problem: string } {
  const [, from, name = ""] = /^(env|file|store):(.{1,1000})$/.exec(String(text)) ?? [];
  if (from === undefined || typeof text !== "string") {
    // What is no reference may be the secret itself, so it is not shown.
    return { problem: "must be env:NAME, file:PATH or store:NAME" };
  }
  if (from === "env" && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return { problem: "must name a variable: env:NAME" };
  return { from: from as SecretRef["from"], name };
}

/** For people: where a secret is looked for. */
export function placeOf({ from, name }: SecretRef): string {
  if (from === "env") return `the environment variable ${name}`;
  return from === "file" ? `the file ${name}` : `${name} in the store of secrets (WFLO_SECRETS)`;
}
