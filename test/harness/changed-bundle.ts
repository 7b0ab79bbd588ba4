import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll } from "@jest/globals";
import { cacheFolder, packageRoot } from "../../workers/tool-finder.js";
import { buildWorkflowBundle } from "../../workers/workflow-bundle.js";

/** One change of the workflows' sources. */
export interface SourceChange {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** Makes workflow bundles of the sources with a change, as files; the suite's end removes them. */
export function changedBundles(): (change: SourceChange) => Promise<string> {
  const made: string[] = [];
  afterAll(async () => {
    for (const folder of made) await rm(folder, { recursive: true, force: true });
  });
  return async ({ file, from, to }) => {
    const copy = await mkdtemp(join(cacheFolder(), "changed-"));
    made.push(copy);
    for (const room of ["core", "workflows"])
      await cp(join(packageRoot(), room), join(copy, room), { recursive: true });
    const text = await readFile(join(copy, file), "utf8");
    if (!text.includes(from)) throw new Error(`${file} has no ${JSON.stringify(from)} that could be changed`);
    await writeFile(join(copy, file), text.replace(from, to));
    const bundle = join(copy, "bundle.js");
    await writeFile(bundle, await buildWorkflowBundle(join(copy, "workflows/index.ts")));
    return bundle;
  };
}
