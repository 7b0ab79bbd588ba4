/** As much of what people, models and tools say goes into one attribute of a span. In UTF-16 code units. */
const MOST = 64 * 1024;

/** A value as JSON for an attribute; cut where it is long. */
export function contentOf(value: unknown): string {
  const text = JSON.stringify(value) ?? "null";
  // Half of a pair at the end would be no character.
  return text.length <= MOST ? text : text.slice(0, MOST).replace(/[\ud800-\udbff]$/, "");
}

/** An answer is paid for, and a tool has done its work: whatever goes wrong while that is told of must not lose it. */
export function quietly(tell: () => void): void {
  try {
    tell();
  } catch {
    // A span lacks what could not be said.
  }
}
