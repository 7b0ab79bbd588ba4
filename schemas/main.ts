import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../workers/tool-finder.js";
import { schemaFiles } from "./generate.js";

const root = packageRoot();
for (const [name, text] of Object.entries(schemaFiles(root))) await writeFile(join(root, "schemas", name), text);
