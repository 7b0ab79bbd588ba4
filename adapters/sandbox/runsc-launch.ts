import { dirname } from "node:path";
import { DESCRIPTORS, folders, IN_BASE, type Launch, mountTmpfs, quoted, smallFiles } from "./launch-script.js";

/** What gVisor needs beside the code's folders, in a file system of its own: state, the root's mount points, bundle, log. */
const OWN_BYTES = 8 * 1024 * 1024;
const OWN_INODES = 512;

/** Names in the launcher's folder. */
export const RUNSC = {
  own: "gvisor",
  root: "gvisor/root",
  bundle: "gvisor/bundle",
  state: "gvisor/state",
  /** Its own messages; in the folder itself, which the worker holds open, as what comes next. */
  log: "gvisor.log",
  /** What the first process inside says of limits that only the kernel inside counts. */
  told: "told",
} as const;

/** Removed from `told` where a process was refused: a full file system has no room for a word, and removing needs none. */
export const NONE_REFUSED = "none-refused";

/**
 * No network but its own loopback, no cgroup of gVisor's own (it is in ours), nothing written over the root, no sockets and
 * pipes of the host. `systrap` needs no virtualisation.
 */
const OPTIONS = [
  ...["--platform=systrap", "--network=none", "--ignore-cgroups", "--overlay2=none", "--file-access=exclusive"],
  ...["--host-fifo=none", "--host-settings=ignore", "--oci-seccomp", "--in-sandbox-cgroup=v2"],
];

/**
 * What the keeper does: it makes a root of the host's programs, waits until the worker holds its folders and becomes
 * `runsc run`, whose first process waits for the worker's word on its standard input. When it dies, by whatever, the kernel ends the sandbox and its file server, which are in its namespace of processes.
 * @param sockets code may open local sockets that are mounted: there is one, of the egress proxy
 */
export function runscScript(launch: Launch, config: object, { sockets }: { readonly sockets: boolean }): string {
  const { host } = launch;
  const at = (name: string) => quoted(`${host.base}/${name}`);
  const root = `${host.base}/${RUNSC.root}`;
  const inRoot = (path: string) => quoted(`${root}${path}`);
  const { control, filter, stdout, stderr, word } = DESCRIPTORS;
  const parents = new Set(host.binds.map(({ target }) => dirname(target)));
  const mountPoints = ["/proc", "/dev", "/sys", "/tmp", "/code", "/workspace", "/var", "/etc", ...parents];
  return [
    ...folders(launch),
    `mkdir -m 700 ${at(RUNSC.own)}`,
    mountTmpfs(at(RUNSC.own), { bytes: OWN_BYTES, inodes: OWN_INODES, options: "mode=0700" }),
    `mkdir -p ${mountPoints.map(inRoot).join(" ")}`,
    ...host.binds.map(({ source, target }) => bindReadOnly(quoted(source), inRoot(target))),
    ...host.links.map(({ path, to }) => `ln -s ${quoted(to)} ${inRoot(path)}`),
    `ln -s /tmp ${inRoot("/var/tmp")}`,
    ...Object.keys(smallFiles()).map((name) => `cp ${quoted(`${host.base}/${name}`)} ${inRoot(`/etc/${name}`)}`),
    `mkdir ${[RUNSC.bundle, RUNSC.state].map(at).join(" ")}`,
    `mkdir -m 700 ${at(RUNSC.told)}`,
    `: >${at(`${RUNSC.told}/${NONE_REFUSED}`)}`,
    `mkfifo -m 600 ${at(IN_BASE.word)}`,
    `exec ${word}<>${at(IN_BASE.word)}`,
    `printf %s ${quoted(JSON.stringify(config))} >${at(`${RUNSC.bundle}/config.json`)}`,
    `echo ready >&${control}`,
    `read -r word <&${control} || exit 125`,
    `[ "$word" = stand ] || exit 125`,
    `exec ${control}<&- ${filter}<&-`,
    [
      `exec ${quoted(host.program)} --root=${at(RUNSC.state)} --log=${at(RUNSC.log)} ${[...OPTIONS, `--host-uds=${sockets ? "open" : "none"}`].join(" ")}`,
      `run --bundle ${at(RUNSC.bundle)} wflo <&${word} >&${stdout} 2>&${stderr} ${word}>&- ${stdout}>&- ${stderr}>&-`,
    ].join(" "),
  ].join("\n");
}

function bindReadOnly(source: string, target: string): string {
  return `if [ -d ${source} ]; then mkdir -p ${target}; else : >${target}; fi\nmount --bind ${source} ${target}`;
}
