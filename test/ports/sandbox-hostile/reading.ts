import { type HostileProgram, literal, python } from "./hostile-program.js";
import { SECRET_VARIABLE } from "./world.js";

/** Programs that want to read what is the host's. */
export const READING: readonly HostileProgram[] = [
  python(
    "read the host's passwords and accounts",
    () => `
attempt("shadow", lambda: read("/etc/shadow"))
attempt("sudoers", lambda: read("/etc/sudoers"))
attempt("accounts", lambda: b"root:" in read("/etc/passwd"))
attempt("home", lambda: os.listdir("/root"))
attempt("homes", lambda: os.listdir("/home"))`,
  ),
  python(
    "read a file of the host by its path",
    ({ secretFile, folder }) => `
for path in (${literal(secretFile)}, "/proc/1/root" + ${literal(secretFile)}, "/proc/self/cwd/../.." + ${literal(secretFile)},
             "/proc/self/root" + ${literal(secretFile)}, "/../../.." + ${literal(secretFile)}):
    attempt(path, lambda: read(path))
attempt("its folder", lambda: os.listdir(${literal(folder)}))`,
  ),
  python(
    "find a file of the host by searching everything",
    () => `
found = []
for folder, folders, files in os.walk("/", followlinks=False):
    if folder.startswith(("/proc", "/usr", "/sys")):
        folders[:] = []
        continue
    found += [os.path.join(folder, name) for name in files]
strange = [path for path in found if not path.startswith(("/dev/", "/etc/alternatives/", "/opt/wflo/"))]
print(strange)
attempt("secret", lambda: any("secret" in path or ".env" in path for path in strange))
attempt("repository", lambda: any(path.endswith(("package.json", ".git/config")) for path in strange))`,
  ),
  python(
    "read applications and secrets that lie below /usr",
    () => `
for path in ("/usr/src", "/usr/local", "/usr/local/src", "/var/lib", "/var/run", "/run", "/srv", "/boot", "/mnt", "/media", "/sys"):
    attempt(path, lambda: os.listdir(path))`,
  ),
  python(
    "read the worker's environment",
    ({ secret }) => `
attempt("own", lambda: os.environ.get(${literal(SECRET_VARIABLE)}))
attempt("names", lambda: [name for name in os.environ if name.startswith(("WFLO", "TEMPORAL", "OPENAI", "NODE", "npm", "JEST", "AWS"))] or None)
for pid in [name for name in os.listdir("/proc") if name.isdigit()] + ["thread-self", "self"]:
    for name in ("environ", "cmdline"):
        attempt(pid + " " + name, lambda: ${literal(secret)}.encode() in (read("/proc/%s/%s" % (pid, name)) or b""))`,
  ),
  python(
    "see a process of the host",
    ({ victim }) => `
pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
attempt("processes", lambda: len(pids) > 6 and pids)
attempt("victim", lambda: os.path.exists("/proc/%d" % ${victim}))
names = [read("/proc/%d/cmdline" % pid) for pid in pids]
attempt("worker", lambda: any(b"jest" in (name or b"") or b"unshare" in (name or b"") for name in names))`,
  ),
  python(
    "read a disk, the kernel's memory or its log",
    () => `
for path in ("/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/mem", "/dev/kmem", "/dev/kmsg", "/proc/kcore", "/proc/kmsg", "/proc/kallsyms",
             "/proc/keys", "/proc/timer_list", "/proc/config.gz", "/dev/fuse", "/dev/kvm", "/dev/net/tun", "/dev/loop-control"):
    attempt(path, lambda: read(path))
attempt("log", lambda: call(103, 116, 3, ctypes.create_string_buffer(4096), 4096))`,
  ),
  python(
    "make a disk's device of its own",
    () => `
for kind in (stat.S_IFBLK, stat.S_IFCHR):
    for major, minor in ((8, 0), (254, 0), (259, 0), (1, 1), (7, 0)):
        for folder in ("/workspace", "/tmp", "/dev/shm"):
            path = "%s/device-%d-%d" % (folder, major, minor)
            def make():
                os.mknod(path, kind | 0o666, os.makedev(major, minor))
                return read(path)
            attempt(path, make)`,
  ),
  python(
    "open a file by its inode",
    ({ secretFile }) => `
class Handle(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_uint), ("type", ctypes.c_int), ("data", ctypes.c_ubyte * 128)]
handle, mount = Handle(128, 0), ctypes.c_int()
attempt("name to handle", lambda: call(303, 264, -100, ctypes.c_char_p(b"/usr/bin/env"), ctypes.byref(handle), ctypes.byref(mount), 0))
root = Handle(8, 1, (ctypes.c_ubyte * 128)(2))
attempt("open by handle", lambda: call(304, 265, os.open("/usr/bin", os.O_RDONLY), ctypes.byref(root), 0))
print(${literal(secretFile)})`,
  ),
  python(
    "use a descriptor that it was not given",
    () => `
for name in os.listdir("/proc/self/fd"):
    target = "" if not os.path.islink("/proc/self/fd/" + name) else os.readlink("/proc/self/fd/" + name)
    allowed = target == "" or target == "/dev/null" or target.endswith(("/stdout", "/stderr", "/fd", "/main.py"))
    attempt("descriptor %s is %s" % (name, target), lambda: not allowed)
attempt("of process 1", lambda: [os.readlink("/proc/1/fd/" + name) for name in os.listdir("/proc/1/fd")
    if not os.readlink("/proc/1/fd/" + name).endswith(("/null", "/stdout", "/stderr"))] or None)`,
  ),
  {
    name: "read the worker's environment and files from JavaScript",
    language: "javascript",
    code: ({ secretFile }) => `
const fs = require("node:fs");
const attempt = (what, action) => {
  try { const seen = action(); console.log(seen ? "ESCAPED:" : "held:", what, seen || ""); } catch (error) { console.log("held:", what, error.code); }
};
attempt("variable", () => process.env[${literal(SECRET_VARIABLE)}]);
attempt("file", () => fs.readFileSync(${literal(secretFile)}, "utf8"));
attempt("package", () => require.resolve("@temporalio/worker"));
attempt("modules", () => fs.readdirSync("/opt/wflo/bin").length > 1);
console.log("tried");`,
  },
];
