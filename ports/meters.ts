/** Labels of a measurement; values are bounded by whoever measures. */
export type Labels = Readonly<Record<string, string>>;

/** Counters and histograms of a process, named as in CONTRACT 'Metrics'. */
export interface Meters {
  count(name: string, labels: Labels, by?: number): void;
  /** Seconds. */
  observe(name: string, labels: Labels, seconds: number): void;
  set(name: string, labels: Labels, value: number): void;
}
