import { type HostileProgram, python } from "./hostile-program.js";

/** Programs that look for a way into the kernel. */
export const KERNEL: readonly HostileProgram[] = [
  python(
    "make namespaces of its own",
    () => `
for name, flag in (("user", 0x10000000), ("mount", 0x20000), ("network", 0x40000000), ("pid", 0x20000000), ("ipc", 0x08000000), ("uts", 0x04000000), ("cgroup", 0x02000000), ("time", 0x80)):
    attempt("unshare " + name, lambda: call(272, 97, flag))
    attempt("unshare user and " + name, lambda: call(272, 97, flag | 0x10000000))
def clone():
    pid = libc.syscall(ctypes.c_long(220 if ARM else 56), ctypes.c_long(0x10000000 | 17), None, None, None, None)
    if pid == 0:
        os._exit(0)
    if pid < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return pid
attempt("clone", clone)
arguments = (ctypes.c_ulonglong * 8)(0x10000000, 0, 0, 0, 17)
attempt("clone3", lambda: call(435, 435, ctypes.byref(arguments), 64))
for name in os.listdir("/proc/self/ns"):
    attempt("setns " + name, lambda: call(308, 268, os.open("/proc/1/ns/" + name, os.O_RDONLY), 0))`,
  ),
  python(
    "use io_uring or asynchronous input and output",
    () => `
parameters = ctypes.create_string_buffer(256)
attempt("io_uring_setup", lambda: call(425, 425, 8, parameters))
attempt("io_uring_enter", lambda: call(426, 426, 0, 1, 0, 0, 0, 0))
attempt("io_uring_register", lambda: call(427, 427, -1, 0, 0, 0))
context = ctypes.c_ulong(0)
attempt("io_setup", lambda: call(206, 0, 128, ctypes.byref(context)))`,
  ),
  python(
    "use the kernel's keyrings",
    () => `
attempt("session", lambda: call(250, 219, 0, -3, 0))
attempt("join", lambda: call(250, 219, 1, ctypes.c_char_p(b"session")))
attempt("add", lambda: call(248, 217, ctypes.c_char_p(b"user"), ctypes.c_char_p(b"name"), ctypes.c_char_p(b"secret"), 6, -3))
attempt("request", lambda: call(249, 218, ctypes.c_char_p(b"user"), ctypes.c_char_p(b"name"), 0, -3))
attempt("list", lambda: read("/proc/keys"))`,
  ),
  python(
    "load code into the kernel, or watch it",
    () => `
buffer = ctypes.create_string_buffer(128)
for name, x64, arm64 in (("bpf", 321, 280), ("perf_event_open", 298, 241), ("userfaultfd", 323, 282), ("init_module", 175, 105), ("finit_module", 313, 273),
        ("delete_module", 176, 106), ("kexec_load", 246, 104), ("kexec_file_load", 320, 294), ("reboot", 169, 142), ("swapon", 167, 224), ("acct", 163, 89),
        ("quotactl", 179, 60), ("syslog", 103, 116), ("settimeofday", 164, 170), ("clock_settime", 227, 112), ("sethostname", 170, 161), ("iopl", 172, None),
        ("ioperm", 173, None), ("modify_ldt", 154, None), ("fanotify_init", 300, 262), ("seccomp", 317, 277), ("memfd_secret", 447, 447), ("vhangup", 153, 58)):
    attempt(name, lambda: call(x64, arm64, buffer, 0, 0, 0, 0))`,
  ),
  python(
    "type into a terminal",
    () => `
import fcntl, pty
attempt("controlling terminal", lambda: os.open("/dev/tty", os.O_RDWR))
def push():
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, 0x5412, b"x")
    return "typed"
attempt("TIOCSTI", push)
def select():
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, 0x541c, b"\\x02")
    return "pasted"
attempt("TIOCLINUX", select)
for name in os.listdir("/dev/pts"):
    attempt("terminal " + name, lambda: name != "ptmx" and name not in ("0", "1") and name)`,
  ),
  python(
    "call the kernel in another processor's way",
    () => `
def in_child(number):
    pid = os.fork()
    if pid == 0:
        libc.syscall(ctypes.c_long(number), ctypes.c_long(0), ctypes.c_long(0), ctypes.c_long(0))
        os._exit(77)
    _, status = os.waitpid(pid, 0)
    return os.WIFEXITED(status) and not ARM and "it went on"
for number in (0x40000000 | 165, 0x40000000 | 101, 0x40000000 | 520, 0x40000000 | 39):
    attempt("x32 call %x" % number, lambda: in_child(number))
def machine_code():
    import mmap
    # mov eax, 20 (getpid of i386); int 0x80; ret
    code = bytes((0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3))
    pid = os.fork()
    if pid == 0:
        memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        memory.write(code)
        ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))()
        os._exit(77)
    _, status = os.waitpid(pid, 0)
    return os.WIFEXITED(status) and "it went on"
if not ARM:
    attempt("i386 call", machine_code)`,
  ),
  python(
    "loosen its own limits",
    () => `
import resource
for name in ("RLIMIT_NPROC", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CPU", "RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE"):
    number = getattr(resource, name, 12)
    soft, hard = resource.getrlimit(number)
    attempt(name, lambda: resource.setrlimit(number, (hard + 1, hard + 1)) or True)
for value in (0, 2, resource.RLIM_INFINITY):
    attempt("core %s" % value, lambda: resource.setrlimit(resource.RLIMIT_CORE, (value, value)) or True)
attempt("personality", lambda: call(135, 92, 0x0040000))
attempt("real time", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)) or True)
attempt("memory of a node", lambda: call(237, 235, 0, 4096, 1, 0, 0, 0))`,
  ),
  python(
    "leave a core dump to the host's handler",
    () => `
pid = os.fork()
if pid == 0:
    os.abort()
_, status = os.waitpid(pid, 0)
attempt("dump", lambda: os.WCOREDUMP(status) and "dumped")
attempt("file", lambda: [name for name in os.listdir(".") if name.startswith("core")] or None)`,
  ),
];
