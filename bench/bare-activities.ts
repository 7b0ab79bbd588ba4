import { createHash } from "node:crypto";

export interface BareActivities {
  /** @param request `news` is what came since the last answer: the input, or what the tool said */
  answer(request: { readonly head: string; readonly news: object; readonly turn: number }): Promise<{
    head: string;
    text: string;
  }>;
  note(request: { readonly text: string }): Promise<{ noted: string }>;
}

/** As many bytes as the scripted model of the benchmark says. */
export const ANSWER_TEXT = "The figures of this step are consistent with those of the step before. ".repeat(8);

export const NOTE_TEXT = "noted ".repeat(150);

export const bareActivities: BareActivities = {
  answer: async ({ head, news, turn }) => ({
    head: createHash("sha256")
      .update(`${head}/${JSON.stringify(news)}/${turn}`)
      .digest("hex"),
    text: ANSWER_TEXT,
  }),
  note: async () => ({ noted: NOTE_TEXT }),
};
