/** The first so many of what comes; then the reading is ended. */
export async function take<T>(source: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  if (count === 0) return taken;
  for await (const item of source) {
    taken.push(item);
    if (taken.length === count) break;
  }
  return taken;
}

/** Everything, of what ends. */
export async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  return await take(source, Number.POSITIVE_INFINITY);
}
