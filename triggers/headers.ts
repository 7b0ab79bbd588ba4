/** Headers as text, names in lower case; what is no text is left out. */
export function describeHeaders(headers: Readonly<Record<string, Uint8Array>>): Readonly<Record<string, string>> {
  const texts = Object.entries(headers).flatMap(([name, bytes]) => {
    const text = textOf(bytes);
    return text === undefined ? [] : [[name.toLowerCase(), text] as const];
  });
  return Object.fromEntries(texts);
}

/** Undefined for bytes that are no UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
