import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { createBubblewrapSandbox } from "../../../adapters/sandbox/bubblewrap.js";
import { describeWith } from "../../harness/real-part.js";
import { HOSTILE_PROGRAMS } from "../../ports/sandbox-hostile/index.js";
import { judge } from "../../ports/sandbox-hostile/judgement.js";
import { createHostileWorld, type HostileWorld, processesWith } from "../../ports/sandbox-hostile/world.js";
import { type BubblewrapCopy, copyOfBubblewrap } from "./open-bubblewrap.js";

/* The hostile programs are worth something if they get out where there is a way: here the sandbox is weakened, one wall at
 * a time, by a bwrap that leaves arguments out or puts some in front. */

/** Arguments left out, with what follows each; and what is put behind the others, so that it covers them. */
interface Weakening {
  readonly leaveOut?: Readonly<Record<string, number>>;
  readonly behind?: string;
}

const WITHOUT_FILTER: Weakening = { leaveOut: { "--seccomp": 1 } };
const ON_THE_NETWORK: Weakening = { leaveOut: { "--unshare-net": 0 } };
const SHOWING_THE_HOST: Weakening = { behind: "--ro-bind /etc /etc --ro-bind /usr /usr --ro-bind /tmp /tmp" };
const OPEN_TO_THE_HOST: Weakening = { behind: "--bind /tmp /tmp" };
const SHOWING_PROCESSES: Weakening = { behind: "--ro-bind /proc /proc" };
const WRITABLE: Weakening = { leaveOut: { "--remount-ro": 1 } };

describeWith("bubblewrap", (path) => {
  let world: HostileWorld;
  let copy: BubblewrapCopy;
  beforeAll(async () => {
    copy = await copyOfBubblewrap(path);
  });
  afterAll(async () => {
    await copy.remove();
  });
  beforeEach(async () => {
    world = await createHostileWorld();
  });
  afterEach(async () => {
    for (const pid of processesWith(world.marker)) process.kill(pid, "SIGKILL");
    await world.close();
  });

  test.each([
    ["the network", "reach a server on the host by TCP", ON_THE_NETWORK],
    ["the network", "send anything by UDP", ON_THE_NETWORK],
    ["the network", "reach a server on the host by a local socket", ON_THE_NETWORK],
    ["the network", "reach a server on the host from JavaScript", ON_THE_NETWORK],
    ["the kernel", "make namespaces of its own", WITHOUT_FILTER],
    ["the kernel", "use io_uring or asynchronous input and output", WITHOUT_FILTER],
    ["the kernel", "use the kernel's keyrings", WITHOUT_FILTER],
    ["the kernel", "call the kernel in another processor's way", WITHOUT_FILTER],
    ["the kernel", "open a socket past the network namespace, or to the kernel", WITHOUT_FILTER],
    ["the kernel", "loosen its own limits", WITHOUT_FILTER],
    ["the host's files", "read the host's passwords and accounts", SHOWING_THE_HOST],
    ["the host's files", "read a file of the host by its path", SHOWING_THE_HOST],
    ["the host's files", "read applications and secrets that lie below /usr", SHOWING_THE_HOST],
    ["the host's files", "change a file of the host", OPEN_TO_THE_HOST],
    ["the host's processes", "see a process of the host", SHOWING_PROCESSES],
    ["writing beside its folders", "make a file anywhere but in its own folders", WRITABLE],
    ["writing beside its folders", "fill the temporary folders", WRITABLE],
  ] as const)("a sandbox that is open to %s is seen through: code can %s", async (_wall, name, weakening) => {
    const program = HOSTILE_PROGRAMS.find((candidate) => candidate.name === name);
    const weak = createBubblewrapSandbox({ programPath: await weakened(copy.path, weakening) });
    const { faults } = await judge(weak, program!, world);
    expect(faults).not.toEqual([]);
  });
});

async function weakened(bwrap: string, { leaveOut = {}, behind = "" }: Weakening): Promise<string> {
  const cases = Object.entries(leaveOut).map(([name, following]) => `${name}) skip=${following}; continue;;`);
  const script = `#!/bin/bash
kept=()
skip=0
open=1
for argument in "$@"; do
  if [ $skip -gt 0 ]; then skip=$((skip - 1)); continue; fi
  case "$argument" in ${cases.join(" ")} esac
  if [ $open = 1 ] && [ "$argument" = --chdir ]; then kept+=(${behind}); open=0; fi
  kept+=("$argument")
done
exec ${bwrap} "\${kept[@]}"
`;
  const weak = `${bwrap}-${randomUUID()}`;
  await writeFile(weak, script, { mode: 0o755 });
  return weak;
}
