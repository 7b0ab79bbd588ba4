import type { Labels } from "../../ports/meters.js";

/** Values of one label beyond this many are counted under `other`: a series a model name must not fill the memory. */
const LABEL_VALUES_MAX = 200;
const LABEL_CHARACTERS_MAX = 128;

/** Labels whose values are bounded. */
export interface LabelBound {
  (labels: Labels): Record<string, string>;
  /**
   * Values that keep their names, whatever others come.
   * @param areAll every other value is `other` at once @default false: the first 200 others keep theirs
   */
  know(label: string, values: Iterable<string>, options?: { readonly areAll?: boolean }): void;
}

/** Values that are known, and the first others of each label, keep their names, in all metrics alike. */
export function createLabelBound(onOverflow: (message: string) => void): LabelBound {
  const known = new Map<string, Set<string>>();
  const others = new Map<string, Set<string>>();
  const closed = new Set<string>();
  const told = new Set<string>();
  const setOf = (sets: Map<string, Set<string>>, label: string) => {
    const values = sets.get(label) ?? new Set();
    sets.set(label, values);
    return values;
  };
  const bounded = (label: string, value: string) => {
    const cut = value.slice(0, LABEL_CHARACTERS_MAX);
    if (known.get(label)?.has(cut)) return cut;
    if (closed.has(label)) return "other";
    const values = setOf(others, label);
    if (values.size < LABEL_VALUES_MAX) values.add(cut);
    if (values.has(cut)) return cut;
    if (!told.has(label)) {
      onOverflow(`the metrics' label ${label} has more than ${LABEL_VALUES_MAX} values; others are counted as "other"`);
    }
    told.add(label);
    return "other";
  };
  const bound = (labels: Labels) =>
    Object.fromEntries(Object.entries(labels).map(([label, value]) => [label, bounded(label, value)]));
  const know: LabelBound["know"] = (label, values, { areAll = false } = {}) => {
    for (const value of values) setOf(known, label).add(value.slice(0, LABEL_CHARACTERS_MAX));
    if (areAll) closed.add(label);
  };
  return Object.assign(bound, { know });
}
