#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Containers in VMs through `kata-runtime run`: streams, exit codes, signals, and that nothing stays behind.

As root everything runs twice: as root (root file systems over virtio-fs) and as an ordinary user (packed). Environment: see
tests/support/kata_runtime.py; KATA_TEST_ROUNDS: how many containers one after another, and how many killed (20).
"""

import json
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from kata_runtime import TIMEOUT, USER_ID, Host, Tap, cgroups, netns, skip_all_unless_ready  # noqa: E402

ROUNDS = int(os.environ.get("KATA_TEST_ROUNDS", "20"))
STREAM_BYTES = 64 << 20

tap = Tap()


def check_streams(h, who):
    data = os.urandom(STREAM_BYTES)
    start = time.monotonic()
    status, out, err = h.container(["cat"], stdin=data, timeout=3 * TIMEOUT)
    took = time.monotonic() - start
    tap.ok(status == 0 and out == data, "%s: 64 MB come back bit for bit (%.1f s)" % (who, took),
           "status %s, %d bytes\n%s" % (status, len(out), err))
    # A script that writes to both in turns; no newline at the end of either.
    script = "for i in 1 2 3 4 5; do echo out$i; echo err$i >&2; done; printf O; printf E >&2"
    status, out, err = h.container(["sh", "-c", script])
    mine = "".join(line for line in err.splitlines(True) if not line.startswith("kata-runtime: warning"))
    tap.ok(status == 0 and out == b"out1\nout2\nout3\nout4\nout5\nO" and mine == "err1\nerr2\nerr3\nerr4\nerr5\nE",
           who + ": stdout and stderr stay apart", "%s\n%s\n%s" % (status, out, err))
    status, out, err = h.container(["sh", "-c", "cat; echo end"], stdin=b"")
    tap.ok(status == 0 and out == b"end\n", who + ": an empty stdin ends at once", "%s\n%s\n%s" % (status, out, err))
    status, out, err = h.container(["sh", "-c", "exec 0<&-; sleep 1; echo end"], stdin=data[: 4 << 20])
    tap.ok(status == 0 and out == b"end\n", who + ": a process that does not read its stdin",
           "%s\n%s\n%s" % (status, out[:100], err))


def check_exit_codes(h, who):
    for code in (0, 1, 42, 255):
        status, out, err = h.container(["sh", "-c", "exit %d" % code])
        tap.ok(status == code, "%s: exit code %d arrives" % (who, code), "%s\n%s" % (status, err))
    # From outside: the first process ignores what it sends to itself.
    h.spec(["sleep", "1000"])
    p = h.start("run", "--bundle", h.bundle, "test")
    running = wait_running(h, "test")
    k, _, kerr = h.run("kill", "test", "KILL")
    out, err = p.communicate(timeout=TIMEOUT)
    tap.ok(running and k == 0 and p.returncode == 137, who + ": 137 after kill ID KILL",
           "%s %s\n%s\n%s" % (p.returncode, k, kerr, err.decode()))


def wait_running(h, cid, timeout=TIMEOUT):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        status, out, _ = h.run("state", cid)
        if status == 0 and json.loads(out)["status"] == "running":
            return True
        time.sleep(0.05)
    return False


def check_signals(h, who):
    for sig in (signal.SIGTERM, signal.SIGINT):
        script = 'trap "echo caught; exit 7" %s; echo ready; while :; do sleep 0.05; done' % sig.name[3:]
        h.spec(["sh", "-c", script])
        p = h.start("run", "--bundle", h.bundle, "test")
        first = p.stdout.readline()
        p.send_signal(sig)
        out, err = p.communicate(timeout=TIMEOUT)
        tap.ok(first == b"ready\n" and out == b"caught\n" and p.returncode == 7,
               "%s: %s to the client reaches the process" % (who, sig.name), "%s %s %s\n%s" %
               (p.returncode, first, out, err.decode()))
    h.spec(["sleep", "1000"])
    p = h.start("run", "--bundle", h.bundle, "test")
    time.sleep(0.7)
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=TIMEOUT)
    tap.ok(p.returncode in (128 + signal.SIGINT,) and not h.left(),
           who + ": SIGINT while the VM starts ends it and leaves nothing",
           "%s\n%s\n%s" % (p.returncode, err.decode(), h.left(0)))


def check_commands(h, who):
    h.spec(["sh", "-c", "echo ready; while :; do sleep 0.05; done"])
    pid_file = h.bundle + "/pid"
    p = h.start("run", "--bundle", h.bundle, "--pid-file", pid_file, "one")
    p.stdout.readline()
    status, out, err = h.run("state", "one")
    state = json.loads(out) if status == 0 else {}
    tap.ok(state.get("status") == "running" and state.get("id") == "one" and state.get("bundle") == h.bundle and
           state.get("pid", 0) > 1 and "ociVersion" in state and not out.endswith(b"\n"),
           who + ": state of a running container", "%s\n%s\n%s" % (status, out, err))
    status, out, err = h.run("list", "--format", "json")
    tap.ok(status == 0 and [c["id"] for c in json.loads(out)] == ["one"], who + ": list", "%s\n%s" % (out, err))
    status, out, err = h.run("exec", "one", "sh", "-c", "cat; echo err >&2; exit 9", stdin=b"input")
    tap.ok(status == 9 and out == b"input" and "err\n" in err, who + ": exec", "%s\n%s\n%s" % (status, out, err))
    status, out, err = h.run("exec", "one", "nosuch")
    tap.ok(status == 127 and "nosuch" in err, who + ": exec of a missing program", "%s\n%s" % (status, err))
    status, out, err = h.run("run", "--bundle", h.bundle, "one")
    tap.ok(status == 1 and 'container "one" exists already' in err, who + ": an id in use is refused", err)
    status, out, err = h.run("delete", "one")
    tap.ok(status == 1 and "still running" in err, who + ": a running container is not deleted", err)
    time.sleep(0.2)
    tap.ok(open(pid_file).read() == str(p.pid), who + ": --pid-file names the process to wait for")
    status, out, err = h.run("kill", "one", "SIGKILL")
    p.communicate(timeout=TIMEOUT)
    tap.ok(p.returncode == 137, who + ": kill with SIG", "%s %s" % (p.returncode, err))
    status, out, err = h.run("delete", "--force", "unknown")
    tap.ok(status == 0, who + ": delete --force of an unknown id succeeds", err)
    status, out, err = h.run("delete", "unknown")
    tap.ok(status == 1 and 'container "unknown" does not exist' in err, who + ": delete of an unknown id", err)
    os.unlink(pid_file)


def check_nothing_left(h, who):
    before = cgroups(), netns()
    bad = []
    for i in range(ROUNDS):
        status, out, err = h.container(["echo", "hello"], cid="round%d" % i)
        if status != 0 or out != b"hello\n":
            bad.append("round %d: %s %s %s" % (i, status, out, err))
    left = h.left()
    tap.ok(not bad, "%s: %d containers one after another" % (who, ROUNDS), "\n".join(bad))
    tap.ok(not left, "%s: they leave no process, socket, file or mount" % who, "\n".join(left))
    # Others work on this machine too: only what is new and stays is ours.
    time.sleep(0.5)
    now = cgroups(), netns()
    new = [c for c in now[0] - before[0] if "kata" in c]
    tap.ok(not new, who + ": they leave no cgroup", "\n".join(new))
    tap.ok(len(now[1]) <= len(before[1]), who + ": they leave no network namespace", now[1] - before[1])


def check_mounts(h, who):
    """Bind mounts from the host over virtio-fs: a directory to write to, a directory and a single file to read only."""
    rw, ro = h.work + "/mnt rw", h.work + "/mnt-ro"
    single = h.work + "/" + "f" * 240  # a name as long as a name may be, nearly
    for path in (rw, ro):
        os.mkdir(path)
        open(path + "/in", "w").write("from the host\n")
    open(single, "w").write("one file\n")
    script = ("cat /rw/in && echo from the guest > /rw/out && mkdir /rw/d && cat /ro/in && cat /etc/one || exit 1; "
              "echo x 2>&- > /ro/x && exit 2; echo x 2>&- >> /etc/one && exit 3; exit 0")
    mounts = [("/rw", rw, ["rbind"]), ("/ro", ro, ["rbind", "ro"]), ("/etc/one", single, ["bind", "ro"])]
    path = h.spec(["sh", "-c", script])
    spec = json.load(open(path))
    spec["mounts"] += [{"destination": d, "type": "bind", "source": s, "options": o} for d, s, o in mounts]
    json.dump(spec, open(path, "w"))
    status, out, err = h.run("run", "--bundle", h.bundle, "mounts")
    tap.ok(status == 0 and out == b"from the host\nfrom the host\none file\n", who + ": mounts from the host are read",
           "%s\n%s\n%s" % (status, out, err))
    tap.ok(os.path.isdir(rw + "/d") and os.path.exists(rw + "/out") and open(rw + "/out").read() == "from the guest\n",
           who + ": what the container writes arrives on the host", os.listdir(rw))
    tap.ok(os.listdir(ro) == ["in"] and open(single).read() == "one file\n", who + ": read-only mounts are not changed")
    left = h.left()
    tap.ok(not left and os.path.exists(rw + "/in") and os.path.exists(h.bundle + "/rootfs/bin/busybox"),
           who + ": afterwards nothing is mounted and the sources are still there", "\n".join(left))


def victim(h, client, which):
    """The pid to kill: the client, the hypervisor or the engine; None while it is not there."""
    if which == "client":
        return client.pid
    word = "qemu-system" if which == "hypervisor" else "containerd-shim-kata-v2"
    for pid, cmd in h.processes().items():
        if word in cmd.split(" ")[0]:
            return pid
    return None


def check_kills(h, who):
    rng = random.Random(os.environ.get("KATA_TEST_SEED", "kata"))
    bad = []
    killed = {"client": 0, "hypervisor": 0, "engine": 0}
    h.spec(["sh", "-c", "while :; do echo x; sleep 0.01; done"])
    for i in range(ROUNDS):
        which = ("client", "hypervisor", "engine")[i % 3]
        p = h.start("run", "--bundle", h.bundle, "victim")
        time.sleep(rng.uniform(0, 4))
        pid = victim(h, p, which)
        if pid:
            os.kill(pid, signal.SIGKILL)
            killed[which] += 1
        else:
            p.kill()
            killed["client"] += 1
        p.stdin.close()
        if which != "client":
            # The client notices by itself.
            out, err = p.stdout.read(), p.stderr.read().decode()
            status = p.wait(timeout=TIMEOUT)
            if pid and (status == 0 or "kata-runtime: " not in err):
                bad.append("round %d, %s killed: the client ends with %s: %s" % (i, which, status, err))
        status, out, err = h.run("delete", "--force", "victim")
        left = h.left()
        p.stdout.close()
        p.stderr.close()
        p.wait(timeout=TIMEOUT)
        if status != 0 or left:
            bad.append("round %d, %s killed: delete %s %s\n%s" % (i, which, status, err, "\n".join(left)))
            h.run("delete", "--force", "victim")
    tap.ok(not bad, "%s: %d kills at random moments (%s), then delete --force leaves nothing" %
           (who, ROUNDS, ", ".join("%s %d" % k for k in killed.items())), "\n".join(bad))


def main():
    skip_all_unless_ready(tap)
    modes = [("root", None), ("user", USER_ID)] if os.geteuid() == 0 else [("user", None)]
    for who, user in modes:
        h = Host(user)
        try:
            check_streams(h, who)
            check_exit_codes(h, who)
            check_signals(h, who)
            check_commands(h, who)
            if h.user is None:
                check_mounts(h, who)
            check_nothing_left(h, who)
            check_kills(h, who)
        finally:
            h.end()
    if os.geteuid() != 0:
        tap.skip("root: all of the above over virtio-fs", "not run as root")
    tap.end()


if __name__ == "__main__":
    main()
