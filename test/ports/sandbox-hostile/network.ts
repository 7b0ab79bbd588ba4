import { type HostileProgram, literal, python } from "./hostile-program.js";

/** Programs that want to reach somebody. */
export const NETWORK: readonly HostileProgram[] = [
  python(
    "reach a server on the host by TCP",
    ({ addresses, port }) => `
for address in ${literal([...addresses, "::1", "169.254.169.254", "10.0.0.1", "192.168.0.1", "8.8.8.8"])}:
    def reach():
        with socket.create_connection((address, ${port}), timeout=1):
            return "connected"
    attempt(address, reach)`,
  ),
  python(
    "send anything by UDP",
    ({ addresses, port }) => `
for address in ${literal([...addresses, "8.8.8.8", "255.255.255.255", "224.0.0.1"])}:
    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(1)
            udp.connect((address, ${port}))
            udp.send(b"hello")
            udp.send(b"is anybody there?")
            return address != "127.0.0.1" and "sent"
    attempt(address, send)`,
  ),
  python(
    "reach a server on the host by a local socket",
    ({ socketPath, abstractName }) => `
for path in (${literal(socketPath)}, "\\0" + ${literal(abstractName)}, "/run/docker.sock", "/var/run/docker.sock", "/run/dbus/system_bus_socket", "/dev/log"):
    def reach():
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as local:
            local.connect(path)
            return "connected"
    attempt(path, reach)`,
  ),
  python(
    "open a socket past the network namespace, or to the kernel",
    () => `
for name, family, kind, protocol in (("vsock", 40, socket.SOCK_STREAM, 0), ("netlink", 16, socket.SOCK_RAW, 0), ("packet", 17, socket.SOCK_RAW, 0x300),
        ("kernel ciphers", 38, socket.SOCK_SEQPACKET, 0), ("bluetooth", 31, socket.SOCK_RAW, 1), ("can", 29, socket.SOCK_RAW, 1), ("tipc", 30, socket.SOCK_RDM, 0),
        ("xdp", 44, socket.SOCK_RAW, 0), ("rds", 21, socket.SOCK_SEQPACKET, 0), ("raw", 2, socket.SOCK_RAW, 1), ("icmp", 2, socket.SOCK_DGRAM, 1),
        ("sctp", 2, socket.SOCK_STREAM, 132), ("sctp by type", 2, socket.SOCK_SEQPACKET, 0), ("mptcp", 2, socket.SOCK_STREAM, 262), ("smc", 43, socket.SOCK_STREAM, 0)):
    def reach():
        socket.socket(family, kind, protocol).close()
        return "opened"
    attempt(name, reach)`,
  ),
  python(
    "resolve a name or fetch a page",
    () => `
import urllib.request
attempt("name", lambda: socket.getaddrinfo("example.com", 80))
attempt("page", lambda: urllib.request.urlopen("http://93.184.215.14/", timeout=2).status)
attempt("package", lambda: subprocess.run([sys.executable, "-m", "pip", "install", "six"], capture_output=True, timeout=20).returncode == 0 or None)`,
  ),
  python(
    "bring up an interface or join the host's network",
    () => `
import fcntl, struct
control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
attempt("up", lambda: fcntl.ioctl(control, 0x8914, struct.pack("16sH", b"eth0", 1)))
attempt("address", lambda: fcntl.ioctl(control, 0x8916, struct.pack("16sHHI8s", b"lo", 2, 0, 0x0100000a, b"")))
attempt("interfaces", lambda: [line for line in open("/proc/net/dev").read().split("\\n")[2:] if line and "lo:" not in line] or None)
attempt("join", lambda: call(308, 268, os.open("/proc/1/ns/net", os.O_RDONLY), 0))`,
  ),
  {
    name: "reach a server on the host from JavaScript",
    language: "javascript",
    code: ({ port, addresses }) => `
import net from "node:net";
for (const host of ${literal(addresses)}) {
  await new Promise((resolve) => {
    const socket = net.connect({ host, port: ${port}, timeout: 1000 });
    const end = (text) => { console.log(text, host); socket.destroy(); resolve(); };
    socket.on("connect", () => end("ESCAPED:")).on("error", () => end("held:")).on("timeout", () => end("held:"));
  });
}
try { const response = await fetch("http://127.0.0.1:${port}/"); console.log("ESCAPED:", response.status); } catch (error) { console.log("held:", error.message); }
console.log("tried");`,
  },
];
