# SPDX-License-Identifier: Apache-2.0
"""podman with a runtime of ours, in storage of its own with one image, bb, of busybox."""

import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time

from cases import tool
from runk import make_rootfs, need_root

# This machine may lack CAP_SYS_RESOURCE, so limits must be below its own.
CONF = """[containers]
default_ulimits=["nofile=1024:1024","nproc=1024:1024"]
[engine]
cgroup_manager="cgroupfs"
events_logger="none"
"""


class Podman:
    """flags: of podman itself, such as --runtime-flag. What podman runs to clean up gets none of those."""

    def __init__(self, runtime, *flags):
        self.flags = ["--runtime", runtime, *flags]
        self.dir = tempfile.mkdtemp(prefix="podman-", dir="/var/tmp")
        with open(self.dir + "/containers.conf", "w") as f:
            f.write(CONF)
        self.env = dict(os.environ, CONTAINERS_CONF=self.dir + "/containers.conf")
        self.ready = False

    def argv(self, *args):
        d = self.dir
        return [tool("podman"), "--root", d + "/root", "--runroot", d + "/run", "--tmpdir", d + "/tmp", "--cgroup-manager=cgroupfs",
                "--events-backend=none", *self.flags, *args]

    def __call__(self, *args, ok=True):
        need_root()
        if not self.ready:
            self.image()
        return self.call(*args, ok=ok)

    def call(self, *args, ok=True, **kw):
        kw.setdefault("stdin", subprocess.DEVNULL)
        p = subprocess.run(self.argv(*args), capture_output=True, text=True, env=self.env, timeout=120, check=False, **kw)
        if ok and p.returncode:
            raise AssertionError(f"podman {' '.join(args)}: exit {p.returncode}\n{p.stdout}{p.stderr}")
        return p

    def shell(self, *args, timeout):
        """A shell on a terminal of its own, at whose prompt is typed: it must see the terminal's size, wait for another, and exit with 9."""
        parent, child = pty.openpty()
        size = lambda rows, columns: fcntl.ioctl(parent, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))  # noqa: E731
        size(33, 111)
        p = subprocess.Popen(self.argv(*args, "-it", "--rm", "bb", "sh"), stdin=child, stdout=child, stderr=child, env=self.env,
                             start_new_session=True)
        os.close(child)
        text, sent, resized, end = b"", False, False, time.time() + timeout
        while time.time() < end:
            if not select.select([parent], [], [], 0.5)[0]:
                continue
            try:
                text += os.read(parent, 4096)
            except OSError:  # EIO: nobody has it open any more
                break
            if not sent and b"# " in text:
                os.write(parent, b"tty; stty size; until stty size | grep '40 120'; do sleep 0.1; done; echo one$((1+1)); exit 9\n")
                sent = True
            if not resized and b"\n33 111" in text:
                size(40, 120)
                p.send_signal(signal.SIGWINCH)  # it has no controlling terminal that would send it
                resized = True
        if p.poll() is None and time.time() >= end:
            p.kill()
        assert p.wait(timeout=20) == 9, text
        assert b"/dev/pts/0" in text and b"\n33 111" in text and b"\n40 120" in text and b"one2" in text, text
        os.close(parent)

    def image(self):
        root = make_rootfs(self.dir + "/rootfs")
        subprocess.run(["tar", "-C", root, "-cf", self.dir + "/bb.tar", "."], check=True)
        self.call("import", self.dir + "/bb.tar", "bb")
        self.ready = True

    def end(self):
        if self.ready:
            self.call("rm", "-fa", "-t", "0", ok=False)
            self.call("unshare", "true", ok=False)
            subprocess.run(["umount", self.dir + "/root/overlay"], capture_output=True, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)
