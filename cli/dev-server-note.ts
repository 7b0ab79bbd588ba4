import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What `wflo dev` leaves for the commands beside it: where its Web UI is. */
interface DevServerNote {
  readonly address: string;
  readonly uiUrl: string;
}

const FILE = "dev.json";

/** Writes the note down; the returned function takes it away. */
export async function noteDevServer(stateFolder: string, note: DevServerNote): Promise<() => Promise<void>> {
  await mkdir(stateFolder, { recursive: true });
  const file = join(stateFolder, FILE);
  await writeFile(file, `${JSON.stringify(note)}\n`);
  return async () => await rm(file, { force: true });
}

/** The Web UI of the server at an address, where `wflo dev` of this folder runs it. */
export async function uiUrlOf(stateFolder: string, address: string): Promise<string | undefined> {
  try {
    const note = JSON.parse(await readFile(join(stateFolder, FILE), "utf8")) as DevServerNote;
    return sameHost(note.address) === sameHost(address) ? note.uiUrl : undefined;
  } catch {
    return undefined;
  }
}

function sameHost(address: string): string {
  return address.replace(/^localhost:/, "127.0.0.1:");
}
