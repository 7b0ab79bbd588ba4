/** `npm run test:security` looks at more of everything than `npm test`. */
export const isFull = process.env.WFLO_TEST_SECURITY === "full";

export const amount = ({ quick, full }: { readonly quick: number; readonly full: number }): number =>
  isFull ? full : quick;

/** Of what is made at random: another one with each day in full, so that not always the same is looked at. */
export const SEED = Number(process.env.WFLO_TEST_SEED ?? (isFull ? Math.floor(Date.now() / 86_400_000) : 42));
