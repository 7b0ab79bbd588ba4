/** Where to go on in each partition, by its number. */
export type Positions = ReadonlyMap<number, bigint>;

const POSITIONS = /^\d{1,9}:\d{1,19}(,\d{1,9}:\d{1,19})*$/;

/** `0:12,1:7`: the next offset of each partition that was read. */
export function formatPositions(positions: Positions): string {
  const inOrder = [...positions].sort(([one], [other]) => one - other);
  return inOrder.map(([partition, offset]) => `${partition}:${offset}`).join(",");
}

/** @throws RangeError for what is no position */
export function parsePositions(text: string): Positions {
  if (!POSITIONS.test(text)) throw new RangeError(`${JSON.stringify(text)} is no position: it is like 0:12,1:7`);
  const pairs = text.split(",").map((pair) => pair.split(":"));
  return new Map(pairs.map(([partition = "", offset = ""]) => [Number(partition), BigInt(offset)]));
}
