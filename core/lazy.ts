/** Something that is made when it is first wanted, and made again where that failed: what was away may be there later. */
export interface Lazy<T> {
  get(): Promise<T>;
  /** What was made, or is being made; undefined: nothing, or it failed. */
  made(): Promise<T | undefined>;
}

export function lazy<T>(make: () => Promise<T>): Lazy<T> {
  let making: Promise<T> | undefined;
  return {
    async get() {
      making ??= make();
      making.catch(() => {
        making = undefined;
      });
      return await making;
    },
    made: async () => await making?.catch(() => undefined),
  };
}
