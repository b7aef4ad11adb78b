# SPDX-License-Identifier: Apache-2.0
"""What the tests of kata-runtime share: TAP, bundles, configurations, running, and finding what was left behind.

Environment: KATA_BIN (directory of kata-runtime and the engine; default KATA_BUILD/host/bin), KATA_CONFIG (a
configuration.toml that works on this host; its kernel and image are used).
"""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib

# Tests look at standard error; what tests of progress want, they say.
os.environ.setdefault("OSBUILDER_PROGRESS", "quiet")

BUILD = os.environ.get("KATA_BUILD", "build")
BIN = os.path.abspath(os.environ.get("KATA_BIN", BUILD + "/host/bin"))
RUNTIME = BIN + "/kata-runtime"
CONFIG = os.path.abspath(os.environ.get("KATA_CONFIG", BUILD + "/demo/configuration.toml"))
BUSYBOX = "/bin/busybox"
APPLETS = "sh cat echo ls ps sleep true false mount uname free id head dd sha256sum kill stty tty env".split()
# A guest without hardware support on a loaded machine takes its time.
TIMEOUT = 120
# An ordinary user for the part that needs no privilege.
USER_ID = 65534
# Where kernel and image are when they had to be copied: see move_for().
MOVED = {}


class Tap:
    def __init__(self):
        self.n = self.failed = 0

    def ok(self, good, name, why=""):
        self.n += 1
        self.failed += not good
        print("%s %d - %s" % ("ok" if good else "not ok", self.n, name), flush=True)
        if not good:
            for line in str(why).splitlines()[-40:]:
                print("# " + line, flush=True)
        return good

    def skip(self, name, why):
        self.n += 1
        print("ok %d - %s # SKIP %s" % (self.n, name, why), flush=True)

    def end(self):
        print("1..%d" % self.n)
        sys.exit(1 if self.failed else 0)


def skip_all_unless_ready(tap):
    """Ends the program, with one reported skip, when what it needs is not there."""
    for what in (RUNTIME, BIN + "/containerd-shim-kata-v2", CONFIG, BUSYBOX):
        if not os.path.exists(what):
            tap.skip("kata-runtime", what + " does not exist")
            tap.end()


def assets():
    """kernel and image (or initrd) of the working configuration, and the hypervisor's other settings."""
    return dict(tomllib.load(open(CONFIG, "rb"))["hypervisor"]["qemu"], **MOVED)


def reachable(path, user):
    """Whether an ordinary user can read a file: a checkout may lie below a private home."""
    return subprocess.run(["test", "-r", path], user=user, group=user, extra_groups=[], check=False).returncode == 0


def move_for(user):
    """Copies programs, kernel and image to where the user can reach them, when that cannot be said of where they were built."""
    global BIN, RUNTIME
    wanted = {key: value for key, value in assets().items() if key in ("kernel", "image", "initrd")}
    if all(reachable(path, user) for path in [RUNTIME, *wanted.values()]):
        return
    work = tempfile.mkdtemp(prefix="kata-assets-")
    atexit.register(shutil.rmtree, work, ignore_errors=True)
    os.chmod(work, 0o755)
    for name in ("kata-runtime", "containerd-shim-kata-v2"):
        shutil.copy(BIN + "/" + name, work + "/" + name)
    for key, path in wanted.items():
        MOVED[key] = work + "/" + os.path.basename(path)
        beside = [path + ".manifest.json", os.path.dirname(path) + "/kernel.manifest.json"]
        for source in [path] + [b for b in beside if os.path.exists(b)]:
            subprocess.run(["cp", "--sparse=always", "-L", source, work + "/"], check=True)
    BIN = work
    RUNTIME = BIN + "/kata-runtime"


def write_config(path, extra_agent="", extra_runtime="", **changes):
    """A configuration.toml from the working one with keys of [hypervisor.qemu] changed (None: removed)."""
    keys = dict(assets())
    keys.update(changes)
    lines = ["[hypervisor.qemu]"]
    for key, value in keys.items():
        if value is not None:
            lines.append("%s = %s" % (key, json.dumps(value)))
    lines += ["[agent.kata]", "dial_timeout = 60", extra_agent, "[runtime]", extra_runtime, ""]
    open(path, "w").write("\n".join(line for line in lines if line is not None))
    return path


class Host:
    """A work directory, a state root and a bundle, for root or for an ordinary user."""

    def __init__(self, user=None):
        self.user = user
        self.count = 0
        self.work = tempfile.mkdtemp(prefix="kata-test-")
        self.root = self.work + "/run"
        self.bundle = self.work + "/bundle"
        if user is not None:
            move_for(user)
        self.make_rootfs(self.bundle + "/rootfs")
        self.config = write_config(self.work + "/configuration.toml",
                                   shared_fs="none" if user else "virtio-fs")
        self.spec(["true"])
        if user is not None:
            for top, dirs, files in os.walk(self.work):
                for name in [""] + dirs + files:
                    os.lchown(os.path.join(top, name), user, user)

    @staticmethod
    def make_rootfs(path):
        os.makedirs(path + "/bin")
        shutil.copy(BUSYBOX, path + "/bin/busybox")
        for applet in APPLETS:
            os.symlink("busybox", path + "/bin/" + applet)
        for name in ("proc", "sys", "dev", "tmp", "etc", "root"):
            os.mkdir(path + "/" + name)

    def spec(self, args, bundle=None, **process):
        """Writes config.json as `kata-runtime spec` does, with another command."""
        bundle = bundle or self.bundle
        path = bundle + "/config.json"
        if os.path.exists(path):
            os.unlink(path)
        subprocess.run([RUNTIME, "spec", "--bundle", bundle], check=True)
        spec = json.load(open(path))
        spec["process"]["terminal"] = False
        spec["process"]["args"] = args
        spec["process"].update(process)
        json.dump(spec, open(path, "w"))
        os.chmod(path, 0o644)
        return path

    def command(self, *args, config=None):
        cmd = [RUNTIME, "--config", config or self.config, "--root", self.root, "--log", self.work + "/log"]
        return cmd + list(args)

    def as_user(self):
        """Arguments of subprocess that make the child an ordinary user."""
        if self.user is None:
            return {}
        return {"user": self.user, "group": self.user, "extra_groups": []}

    def start(self, *args, config=None, **kw):
        for name in ("stdin", "stdout", "stderr"):
            kw.setdefault(name, subprocess.PIPE)
        return subprocess.Popen(self.command(*args, config=config), cwd="/", **self.as_user(), **kw)

    def run(self, *args, stdin=b"", timeout=TIMEOUT, config=None):
        """(exit status, stdout, stderr) of a command; the status is None when it did not end."""
        p = self.start(*args, config=config)
        try:
            out, err = p.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
            return None, out, err.decode(errors="replace") + "\n(no end within %d s)" % timeout
        return p.returncode, out, err.decode(errors="replace")

    def container(self, args, cid=None, stdin=b"", timeout=TIMEOUT, config=None, **process):
        """Runs a container to its end; with an id of its own unless one is given."""
        self.count += 1
        cid = cid or "c%d" % self.count
        self.spec(args, **process)
        return self.run("run", "--bundle", self.bundle, cid, stdin=stdin, timeout=timeout, config=config)

    def processes(self):
        """pid → command line of every process that names our work directory."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                cmd = open("/proc/%s/cmdline" % pid, "rb").read().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if self.work in cmd and int(pid) != os.getpid():
                found[int(pid)] = cmd
        return found

    def left(self, patience=5.0):
        """What a container left behind: processes, files below the state root, mounts. [] when nothing."""
        end = time.monotonic() + patience
        while True:
            what = ["process %d: %.200s" % item for item in self.processes().items()]
            if os.path.isdir(self.root):
                what += ["file " + os.path.join(self.root, name) for name in os.listdir(self.root)]
            what += ["mount " + line.strip() for line in open("/proc/self/mountinfo") if self.work in line]
            if not what or time.monotonic() > end:
                return what
            time.sleep(0.1)

    def end(self):
        for pid in self.processes():
            try:
                os.kill(pid, 9)
            except OSError:
                pass
        shutil.rmtree(self.work, ignore_errors=True)


def cgroups():
    """Every cgroup directory of the host."""
    return {top for top, _, _ in os.walk("/sys/fs/cgroup")}


def netns():
    """Named network namespaces and those of processes."""
    names = set(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            names.add(os.readlink("/proc/%s/ns/net" % pid))
        except OSError:
            pass
    return names
