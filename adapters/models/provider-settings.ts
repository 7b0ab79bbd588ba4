/** Environment variables as a process got them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A provider's key and address, and the first thing that is wrong with them. */
export interface ProviderSettings {
  readonly key?: string;
  readonly url?: string;
  /** Names the variable and what to do. Undefined: the provider can be called. */
  readonly problem?: string;
}

/** A variable's text; an empty one counts as not set. */
export function variable(environment: Environment, name: string): string | undefined {
  return environment[name]?.trim() || undefined;
}

/**
 * Reads a provider's two variables.
 * @param needed which of them the provider cannot do without
 */
export function readSettings(
  environment: Environment,
  names: { readonly key: string; readonly url: string },
  needed: "key" | "url",
): ProviderSettings {
  const key = variable(environment, names.key);
  const url = variable(environment, names.url);
  const problem = missing(needed, { key, url }, names) ?? wrongUrl(url, names.url) ?? wrongKey(key, names.key);
  return {
    ...(key === undefined ? {} : { key }),
    ...(url === undefined ? {} : { url }),
    ...(problem === undefined ? {} : { problem }),
  };
}

function missing(
  needed: "key" | "url",
  values: { readonly key: string | undefined; readonly url: string | undefined },
  names: { readonly key: string; readonly url: string },
): string | undefined {
  if (values[needed] !== undefined) return undefined;
  const what = needed === "key" ? "the provider's key" : "the server's address, such as https://host/v1";
  return `${names[needed]} is not set; set it to ${what} where the worker runs`;
}

function wrongUrl(url: string | undefined, name: string): string | undefined {
  if (url === undefined || (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol))) return undefined;
  return `${name} is ${JSON.stringify(url)}; it must be an address like https://host/v1`;
}

/** Such a key would fail in the middle of a call, where nobody sees why. */
function wrongKey(key: string | undefined, name: string): string | undefined {
  if (key === undefined || /^[\x21-\x7e]+$/.test(key)) return undefined;
  return `${name} has a character that no key has (a space, a line break or a letter that is not ASCII)`;
}
