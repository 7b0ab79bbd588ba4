import { type HostileProgram, literal, python } from "./hostile-program.js";

/** Programs that go for other processes, or want to outlive their execution. */
export const PROCESSES: readonly HostileProgram[] = [
  python(
    "kill a process of the host",
    ({ victim }) => `
os.setpgid(0, 0)
attempt("by number", lambda: os.kill(${victim}, signal.SIGKILL) or True)
attempt("process 1", lambda: os.kill(1, signal.SIGKILL) or None)
for pid in range(100, 4000, 7):
    try:
        os.kill(pid, signal.SIGKILL)
        print("ESCAPED:", pid)
    except OSError:
        pass
signal.signal(signal.SIGTERM, signal.SIG_IGN)
attempt("all", lambda: os.kill(-1, signal.SIGTERM) or None)`,
  ),
  python(
    "look into another process, or steer it",
    () => `
child = subprocess.Popen(["sleep", "5"])
class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
memory = ctypes.create_string_buffer(64)
local, remote = Vector(ctypes.addressof(memory), 64), Vector(ctypes.addressof(memory), 64)
for pid in (1, child.pid):
    attempt("attach", lambda: call(101, 117, 16, pid, 0, 0))
    attempt("seize", lambda: call(101, 117, 0x4206, pid, 0, 0))
    attempt("read", lambda: call(310, 270, pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0))
    attempt("write", lambda: call(311, 271, pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0))
    attempt("its descriptor", lambda: call(438, 438, os.pidfd_open(pid), 0, 0))
attempt("compare", lambda: call(312, 272, os.getpid(), 1, 0, 0, 0))
attempt("trace me", lambda: call(101, 117, 0, 0, 0, 0))
child.kill()`,
  ),
  python(
    "leave a daemon behind",
    ({ marker }) => `
for way in range(3):
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if way > 0 and os.fork() != 0:
            os._exit(0)
        if way > 1:
            for descriptor in range(3):
                os.close(descriptor)
        leave(${literal(marker)})
time.sleep(0.2)`,
  ),
  python(
    "leave a daemon that keeps its output open",
    ({ marker }) => `
subprocess.Popen(["/bin/sh", "-c", "exec -a ${marker} sleep 600 || sleep 600"], start_new_session=True)
os.spawnv(os.P_NOWAIT, "/bin/sleep", [${literal(marker)}, "600"])`,
  ),
  python(
    "go on when it is told to end",
    ({ marker }) => `
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
if os.fork() == 0:
    leave(${literal(marker)})
print("waiting", flush=True)
while True:
    time.sleep(100)`,
    { limits: { wallMs: 700 }, expected: { timedOut: true, exitCode: null } },
  ),
  python(
    "last by stopping everything",
    () => `
print("stopping", flush=True)
attempt("all others", lambda: os.kill(-1, signal.SIGSTOP))
os.kill(os.getpid(), signal.SIGSTOP)`,
    { limits: { wallMs: 700 }, expected: { timedOut: true, exitCode: null } },
  ),
  python(
    "multiply without end",
    () => `
while True:
    try:
        os.fork()
    except OSError:
        pass`,
    { limits: { wallMs: 1_500, processes: 32 }, expected: { timedOut: true, limit: "processes" } },
  ),
  {
    name: "multiply without end in one line",
    language: "shell",
    code: () => "bomb() { bomb | bomb & }; bomb; sleep 20",
    limits: { wallMs: 1_500, processes: 32 },
    expected: { timedOut: true, limit: "processes" },
  },
  python(
    "have threads without end",
    () => `
import resource
threading.stack_size(65536)
started = 0
def more():
    global started
    for number in range(400):
        threading.Thread(target=time.sleep, args=(1,), daemon=True).start()
        started += 1
try:
    more()
except RuntimeError:
    pass
time.sleep(0.3)
attempt("threads", lambda: started > 40 and started)`,
    { limits: { processes: 32 }, expected: { limit: "processes" } },
  ),
  python(
    "escape through a program that runs with more rights",
    () => `
for command in (["su", "-c", "id"], ["sudo", "-n", "id"], ["mount"], ["passwd"], ["newgrp", "root"], ["unshare", "--user", "true"], ["unshare", "--net", "true"],
                ["nsenter", "-t", "1", "-a", "true"], ["setpriv", "--reuid", "0", "true"], ["chsh"], ["bwrap", "--unshare-all", "true"]):
    def run():
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=5)
        return b"uid=0" in done.stdout or (done.returncode == 0 and command[0] != "mount") or None
    attempt(" ".join(command), run)
for action in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.setresuid(0, 0, 0), lambda: os.nice(-5)):
    attempt("ids", lambda: action() or True)
attempt("capabilities", lambda: [line for line in open("/proc/self/status") if line.startswith("Cap") and int(line.split()[1], 16)] or None)`,
  ),
];
