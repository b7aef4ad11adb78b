# SPDX-License-Identifier: Apache-2.0
"""kata-agent outside a virtual machine, in namespaces of its own on a Unix socket, and kata-agent-ctl to drive it.

Environment: KATA_AGENT (the static agent), KATA_BIN (directory of kata-agent-ctl); default: below KATA_BUILD or build/.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

BUILD = os.environ.get("KATA_BUILD", "build")
AGENT = os.path.abspath(os.environ.get("KATA_AGENT", BUILD + "/guest/bin/kata-agent"))
CTL = os.path.abspath(os.environ.get("KATA_BIN", BUILD + "/host/bin")) + "/kata-agent-ctl"
BUSYBOX = "/bin/busybox"
APPLETS = "sh cat echo sleep true false env id ls stty hostname dd head wc kill touch mount grep".split()
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
# One call on a loaded machine.
TIMEOUT = "20s"
# What the agent finds: an empty /run, its own /proc, a network of its own with a pair of cards beside lo.
SETUP = """mount --make-rprivate / && mount -t tmpfs -o mode=0755 run /run && mount -t proc proc /proc || exit 99
ip link add eth7 address 02:00:00:00:00:07 type veth peer name peer7 2>/dev/null
exec "$0" --server-addr "$1"
"""


def missing():
    """Why no agent can be started here; None: it can."""
    if os.geteuid() != 0:
        return "needs root"
    for path, what in ((AGENT, "make all"), (CTL, "make all"), (BUSYBOX, "package busybox-static")):
        if not os.path.exists(path):
            return f"no {path} ({what})"
    if not os.path.ismount("/"):
        return "needs a root directory that is a mount: this is a chroot"
    return None


class Agent:
    """A running agent, a directory for its socket and bundles, and calls of it."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="local-agent-")
        os.chmod(self.dir, 0o755)
        self.sock = self.dir + "/agent.sock"
        self.addr = "unix://" + self.sock
        self.log = open(self.dir + "/log", "wb")
        self.proc = subprocess.Popen(["unshare", "-m", "-p", "-u", "-i", "-n", "-f", "--kill-child", "sh", "-c", SETUP, AGENT, self.addr],
                                     stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT, env={"PATH": PATH})
        end = time.monotonic() + 20
        while not os.path.exists(self.sock):
            if self.proc.poll() is not None or time.monotonic() > end:
                raise AssertionError("the agent does not start: " + self.log_text())
            time.sleep(0.01)
        with open(f"/proc/{self.proc.pid}/task/{self.proc.pid}/children") as f:
            self.pid = int(f.read().split()[0])
        self.rootfs = self.dir + "/rootfs"
        os.makedirs(self.rootfs + "/bin")
        shutil.copy(BUSYBOX, self.rootfs + "/bin/busybox")
        for applet in APPLETS:
            os.symlink("busybox", f"{self.rootfs}/bin/{applet}")
        for name in ("proc", "sys", "dev", "tmp", "etc", "data"):
            os.mkdir(f"{self.rootfs}/{name}")

    def stop(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def log_text(self):
        with open(self.dir + "/log", errors="replace") as f:
            return f.read()

    def inside(self, path):
        """The path as the agent sees it, for this process."""
        return f"/proc/{self.pid}/root{path}"

    def rss_kb(self):
        with open(f"/proc/{self.pid}/smaps_rollup") as f:
            return int(next(line for line in f if line.startswith("Rss:")).split()[1])

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def argv(self, *commands, options=()):
        argv = [CTL, "connect", "--server-address", self.addr, "--timeout", TIMEOUT, *options]
        for c in commands:
            argv += ["-c", c]
        return argv

    def ctl(self, *commands, options=(), data=b""):
        """The finished process of kata-agent-ctl, with its output as text."""
        p = subprocess.run(self.argv(*commands, options=options), input=data, capture_output=True, check=False, timeout=120)
        p.out, p.err = p.stdout.decode(errors="replace"), p.stderr.decode(errors="replace")
        return p

    def call(self, *commands, options=()):
        """Runs calls that must succeed; the answers, or the one answer."""
        p = self.ctl(*commands, options=options)
        if p.returncode:
            raise AssertionError(f"{commands}: exit {p.returncode}: {p.err}")
        answers = [json.loads(line) for line in p.out.splitlines()]
        return answers[0] if len(commands) == 1 else answers

    def rpc(self, name, **request):
        """One call with exactly this request."""
        return self.call(f"{name} json://{json.dumps(request)}", options=["-n"])

    def fails(self, name, **request):
        """One call that must fail: (status, text)."""
        p = self.ctl(f"{name} json://{json.dumps(request)}", options=["-n"])
        want = f"kata-agent-ctl: {name}: "
        if p.returncode != 1 or not p.err.startswith(want) or p.out:
            raise AssertionError(f"{name}: exit {p.returncode}: {p.out}{p.err}")
        status, _, text = p.err[len(want):].rstrip("\n").partition(": ")
        return status, text

    # ---- containers

    def spec(self, *args, terminal=False, **linux):
        """What a container of busybox is made from, as the protocol has it."""
        namespaces = [{"Type": t} for t in ("mount", "pid", "ipc", "uts")]
        mounts = [{"destination": d, "source": t, "type": t} for t, d in (("proc", "/proc"), ("tmpfs", "/dev"), ("devpts", "/dev/pts"))]
        return {"Version": "1.0.2", "Root": {"Path": self.rootfs}, "Mounts": mounts, "Linux": {"Namespaces": namespaces, **linux},
                "Process": self.process(*args, terminal=terminal)}

    @staticmethod
    def process(*args, terminal=False):
        return {"Args": list(args), "Env": ["PATH=/bin"], "Cwd": "/", "User": {}, "Terminal": terminal}

    def create(self, cid, *args, **kw):
        self.rpc("CreateContainer", container_id=cid, exec_id=cid, OCI=self.spec(*args, **kw))

    def start(self, cid, *args, **kw):
        self.create(cid, *args, **kw)
        self.rpc("StartContainer", container_id=cid)

    def remove(self, cid):
        self.rpc("RemoveContainer", container_id=cid)

    def output(self, cid, exec_id=""):
        """Standard output and standard error to their ends."""
        p = self.ctl(f"output cid={cid} exec_id={exec_id}", options=["-n"])
        if p.returncode:
            raise AssertionError(f"output {cid}: {p.err}")
        return p.out, p.err

    def run(self, cid, *args, **kw):
        """A container's life: (exit code, standard output, standard error)."""
        self.start(cid, *args, **kw)
        out, err = self.output(cid)
        code = self.rpc("WaitProcess", container_id=cid)["status"]
        self.remove(cid)
        return code, out, err


def wait_for(what, seconds=20):
    """Until what() is true."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise AssertionError("waited for too long")
        time.sleep(0.01)


def exit_of(proc, seconds=20):
    try:
        return proc.wait(seconds)
    except subprocess.TimeoutExpired:
        proc.send_signal(signal.SIGKILL)
        raise
