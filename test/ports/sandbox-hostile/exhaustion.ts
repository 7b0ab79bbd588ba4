import { type HostileProgram, python } from "./hostile-program.js";

const MIB = 1024 * 1024;

/** Programs that want all of something. */
export const EXHAUSTION: readonly HostileProgram[] = [
  python(
    "have memory without end",
    () => `
blocks = []
while True:
    blocks.append(b"x" * (16 << 20))`,
    { limits: { memoryBytes: 128 * MIB }, expected: { limit: "memory", exitCode: null } },
  ),
  python(
    "have memory without end in many processes",
    () => `
for number in range(12):
    if os.fork() == 0:
        block = bytearray(24 << 20)
        for at in range(0, len(block), 4096):
            block[at] = number
        time.sleep(30)
        os._exit(0)
time.sleep(30)`,
    { limits: { memoryBytes: 128 * MIB, wallMs: 2_500 }, expected: { limit: "memory" } },
  ),
  python(
    "have memory without end that processes share",
    () => `
import mmap
blocks = []
while True:
    block = mmap.mmap(-1, 16 << 20)
    block.write(b"x" * (16 << 20))
    blocks.append(block)`,
    { limits: { memoryBytes: 128 * MIB }, expected: { limit: "memory" } },
  ),
  python(
    "have memory without end that belongs to no process",
    () => `
hidden = []
def fill(descriptor):
    for number in range(24):
        os.write(descriptor, b"x" * (8 << 20))
    return "192 MiB"
if hasattr(os, "memfd_create"):
    attempt("memfd", lambda: fill(os.memfd_create("x")))
for number in range(24):
    identity = libc.shmget(0, 8 << 20, 0o1600)
    if identity < 0:
        break
    libc.shmat.restype = ctypes.c_void_p
    address = libc.shmat(identity, None, 0)
    ctypes.memset(address, 1, 8 << 20)
    libc.shmdt(ctypes.c_void_p(address))
attempt("shared segments", lambda: number == 23 and "192 MiB")`,
    { limits: { memoryBytes: 128 * MIB, diskBytes: 256 * MIB }, expected: {} },
  ),
  {
    name: "have memory without end in JavaScript",
    language: "javascript",
    code: () => `const blocks = []; for (;;) blocks.push(new Array(1e6).fill({}));`,
    limits: { memoryBytes: 256 * MIB, wallMs: 20_000 },
    expected: { limit: "memory", exitCode: null },
  },
  {
    name: "have memory without end outside JavaScript's heap",
    language: "javascript",
    code: () => `const blocks = []; for (;;) blocks.push(Buffer.alloc(16 << 20, 1));`,
    limits: { memoryBytes: 256 * MIB, wallMs: 20_000 },
    expected: { limit: "memory", exitCode: null },
  },
  python(
    "use the processor for longer than it may, in many processes",
    () => `
for number in range(4):
    if os.fork() == 0:
        break
while True:
    pass`,
    { limits: { cpuMs: 600, wallMs: 20_000 }, expected: { limit: "cpu", timedOut: false, exitCode: null } },
  ),
  python(
    "fill the disk",
    () => `
with open("big", "wb") as file:
    while True:
        file.write(b"x" * 65536)`,
    { limits: { diskBytes: MIB }, expected: { limit: "disk", exitCode: 1 }, files: ["big"] },
  ),
  python(
    "fill the temporary folders",
    () => `
def fill(folder):
    total = 0
    for number in range(64):
        with open("%s/%d" % (folder, number), "wb", buffering=0) as file:
            total += file.write(b"x" * 65536)
    return total
attempt("tmp", lambda: fill("/tmp"))
attempt("shm", lambda: fill("/dev/shm"))
attempt("more", lambda: fill("/dev") or fill("/") or fill("/code"))`,
    { limits: { diskBytes: 2 * MIB }, expected: { limit: "disk" } },
  ),
  python(
    "make files without end",
    () => `
made = 0
try:
    while True:
        open("file-%d" % made, "w").close()
        made += 1
except OSError as error:
    print(error)
attempt("files", lambda: made > 50 and made)`,
    {
      limits: { files: 50 },
      expected: { limit: "files" },
      files: Array.from({ length: 49 }, (_, n) => `file-${n}`).sort(),
    },
  ),
  python(
    "make folders, links and pipes without end",
    () => `
made = 0
try:
    while True:
        os.mkdir("folder-%d" % made)
        os.symlink("x", "folder-%d/link" % made)
        try:
            os.mkfifo("folder-%d/pipe" % made)
        except PermissionError:
            pass # gVisor makes none
        made += 1
except OSError as error:
    print(error)
attempt("folders", lambda: made > 60 and made)`,
    { limits: { files: 100 }, expected: { limit: "files" } },
  ),
  python(
    "pass a giant off by leaving it empty",
    () => `
attempt("terabyte", lambda: os.truncate(os.open("giant", os.O_CREAT | os.O_WRONLY), 1 << 40) or True)
for number in range(20):
    os.truncate(os.open("sparse-%d" % number, os.O_CREAT | os.O_WRONLY), 900 << 10)`,
    { limits: { diskBytes: MIB }, expected: { limit: "disk" }, files: ["giant", "sparse-0"] },
  ),
  python(
    "drown the worker in output",
    () => `
block = "x" * 65536
for number in range(400):
    sys.stdout.write(block)
    sys.stderr.write(block)
sys.stdout.flush()
os.abort()`,
    { limits: { outputBytes: 100_000, wallMs: 30_000 }, expected: { truncated: true, exitCode: null } },
  ),
  {
    name: "drown the worker in output for ever",
    language: "shell",
    code: () => "yes",
    limits: { outputBytes: 100_000, wallMs: 700 },
    expected: { truncated: true, timedOut: true },
  },
  python(
    "use up the host's terminals, timers or watches",
    () => `
import pty
kept = []
def terminals():
    for number in range(5000):
        kept.append(pty.openpty())
    return "5000 terminals"
attempt("terminals", terminals)
def descriptors():
    for number in range(20000):
        kept.append(os.dup(0))
    return "20000 descriptors"
attempt("descriptors", descriptors)`,
  ),
];
