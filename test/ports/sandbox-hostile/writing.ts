import { type HostileProgram, literal, python } from "./hostile-program.js";

/** Programs that want to change what is the host's. */
export const WRITING: readonly HostileProgram[] = [
  python(
    "make a file anywhere but in its own folders",
    () => `
own = ("/workspace", "/tmp", "/dev/shm", "/proc")
made = 0
for folder, folders, files in os.walk("/", followlinks=False):
    if folder.startswith(own):
        folders[:] = []
        continue
    if folder.count("/") > 4:
        folders[:] = []
    made += 1
    try:
        os.close(os.open(os.path.join(folder, "wflo-was-here"), os.O_CREAT | os.O_WRONLY))
        print("ESCAPED:", folder)
    except OSError:
        pass
attempt("enough", lambda: made < 100 and made)`,
  ),
  python(
    "change a file of the host",
    ({ writableFile, folder }) => `
attempt("write", lambda: open(${literal(writableFile)}, "w").write("changed"))
attempt("write through process 1", lambda: open("/proc/1/root" + ${literal(writableFile)}, "w").write("changed"))
attempt("make", lambda: open(${literal(folder)} + "/made", "w"))
attempt("link", lambda: os.link(${literal(writableFile)}, "/workspace/link") or True)`,
  ),
  python(
    "change a program that the worker runs too",
    () => `
import shutil
for path in ("/usr/bin/env", "/bin/sh", sys.executable, shutil.which("node"), "/proc/1/exe", "/proc/self/exe", "/etc/ld.so.cache", "/etc/passwd", "/code/main.py"):
    attempt("open " + path, lambda: os.open(path, os.O_WRONLY))
    attempt("mode of " + path, lambda: os.chmod(path, 0o777) or True)
    attempt("remove " + path, lambda: os.remove(path) or True)
    attempt("rename over " + path, lambda: os.rename("/code/main.py", path) or True)`,
  ),
  python(
    "set the kernel's handlers or settings",
    () => `
for path in ("kernel/core_pattern", "kernel/modprobe", "kernel/hostname", "vm/overcommit_memory", "fs/binfmt_misc/register", "net/ipv4/ip_forward",
             "user/max_user_namespaces", "kernel/randomize_va_space", "kernel/sysrq"):
    attempt(path, lambda: open("/proc/sys/" + path, "w").write("1"))
for path in ("/proc/sysrq-trigger", "/proc/self/oom_score_adj", "/proc/1/oom_score_adj", "/proc/self/uid_map", "/sys/kernel/uevent_helper", "/sys/fs/cgroup/memory/release_agent"):
    attempt(path, lambda: open(path, "w").write("-1000"))`,
  ),
  python(
    "mount anything, or change a mount",
    () => `
os.makedirs("/tmp/m", exist_ok=True)
m = ctypes.c_char_p(b"/tmp/m")
def mount(source, target, kind, flags):
    if libc.mount(source, target, kind, ctypes.c_ulong(flags), None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "mounted"
attempt("tmpfs", lambda: mount(b"none", b"/tmp/m", b"tmpfs", 0))
attempt("proc", lambda: mount(b"none", b"/tmp/m", b"proc", 0))
attempt("bind", lambda: mount(b"/usr", b"/tmp/m", None, 4096))
attempt("remount", lambda: mount(None, b"/usr/bin", None, 32 | 4096))
attempt("remount root", lambda: mount(None, b"/", None, 32))
attempt("unmount", lambda: call(166, 39, ctypes.c_char_p(b"/workspace"), 2))
attempt("unmount proc", lambda: call(166, 39, ctypes.c_char_p(b"/proc/keys"), 2))
attempt("pivot", lambda: call(155, 41, m, m))
attempt("chroot", lambda: os.chroot("/tmp") or True)
attempt("fsopen", lambda: call(430, 430, ctypes.c_char_p(b"tmpfs"), 0))
attempt("open_tree", lambda: call(428, 428, -100, ctypes.c_char_p(b"/usr"), 1))
attempt("mount_setattr", lambda: call(442, 442, -100, ctypes.c_char_p(b"/usr"), 0, m, 32))
attempt("mount(8)", lambda: subprocess.run(["mount", "-t", "tmpfs", "x", "/tmp/m"], capture_output=True).returncode == 0 or None)`,
  ),
  python(
    "put something else in place of its workspace",
    () => `
attempt("rename", lambda: os.rename("/workspace", "/workspace2") or True)
attempt("remove", lambda: os.rmdir("/workspace") or True)
attempt("link", lambda: os.symlink("/etc", "/workspace") or True)
attempt("swap", lambda: os.rename("/tmp", "/workspace") or True)`,
  ),
];
