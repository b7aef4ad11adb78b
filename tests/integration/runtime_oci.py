#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kata-runtime as conmon and containerd's OCI shims call it: create, start, run --detach, exec --detach, and the stand-in process that
--pid-file names. The tests are the subreaper that those callers are, so they see its exit code.
"""

import array
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from kata_runtime import BIN, Host, Tap, skip_all_unless_ready  # noqa: E402

PR_SET_CHILD_SUBREAPER = 36
WAIT = 60
tap = Tap()
skip_all_unless_ready(tap)
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def status_of(pid, seconds=WAIT):
    """The exit code of a stand-in, whose parent has ended: 128 + N for a signal; None when it does not end."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
        time.sleep(0.02)
    return None


def wait_for(what, seconds=WAIT):
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.05)
    return what()


def read(path):
    with open(path, errors="replace") as f:
        return f.read()


def state(h, cid):
    code, out, err = h.run("state", cid)
    return json.loads(out) if code == 0 else {"error": err}


def quiet(err):
    """Standard error without the warning about a slow host."""
    return "".join(line + "\n" for line in err.splitlines() if not line.startswith("kata-runtime: warning: KVM"))


def call(h, *args, out, pass_fds=()):
    """A command whose standard output and error go on after it: (exit status, what it said until it ended)."""
    with open(out, "ab") as f:
        p = h.start(*args, stdin=subprocess.DEVNULL, stdout=f, stderr=f, pass_fds=pass_fds)
        return p.wait(WAIT), quiet(read(out))


def check_limits(h):
    """pause, resume, update of the running container "one"."""
    code, _, err = h.run("pause", "one")
    tap.ok(code == 0 and state(h, "one").get("status") == "paused", "pause", "%s %s" % (err, state(h, "one")))
    code, _, err = h.run("exec", "one", "true")
    tap.ok(code == 1 and "is not running" in err, "exec wants a container that is not paused", err)
    code, _, err = h.run("resume", "one")
    tap.ok(code == 0 and state(h, "one").get("status") == "running", "resume", "%s %s" % (err, state(h, "one")))
    forks = "for i in 1 2 3 4 5 6 7 8; do sleep 0.1 & done; wait; echo all"
    code, out, err = h.run("exec", "one", "sh", "-c", forks)
    tap.ok((code, out) == (0, b"all\n"), "eight processes before the limit", err)
    code, _, err = h.run("update", "--pids-limit", "4", "one")
    tap.ok(code == 0, "update --pids-limit", err)
    code, _, err = h.run("exec", "one", "sh", "-c", forks)
    tap.ok("can't fork" in err, "not after", "%s %s" % (code, err))
    code, _, err = h.run("update", "--resources", "-", "one", stdin=b'{"pids":{"limit":100}}')
    _, out, _ = h.run("exec", "one", "sh", "-c", forks)
    tap.ok(code == 0 and out == b"all\n", "update --resources - raises it", err)
    for args, text in ((["update", "--memory", "lots", "one"], 'invalid value for --memory: "lots"'), (["update", "one"], "no limit is given"),
                       (["update", "-r", "/nonexistent", "one"], "/nonexistent: No such file"), (["pause", "nobody"], 'container "nobody" does not exist')):
        code, _, err = h.run(*args)
        tap.ok(code == 1 and text in err, "refused: " + " ".join(args), err)


def check_vsock(h):
    """The agent in the guest of the running container "one", by the engine's hybrid vsock and kata-agent-ctl."""
    def ctl(*commands, port="1024", data=b""):
        argv = [BIN + "/kata-agent-ctl", "connect", "--server-address", "unix://" + h.root + "/one/vsock.sock", "--hybrid-vsock",
                "--hybrid-vsock-port", port, "-t", "30s", "-n"]
        for command in commands:
            argv += ["-c", command]
        return subprocess.run(argv, input=data, capture_output=True, check=False, timeout=WAIT)

    p = ctl("Check", "GetGuestDetails")
    lines = [json.loads(line) for line in p.stdout.splitlines()]
    tap.ok(p.returncode == 0 and lines[0] == {"status": "SERVING"} and lines[1]["agent_details"]["init_daemon"], "hybrid vsock: the agent answers", p)
    data = os.urandom(1 << 20)
    p = ctl("exec cid=one exec_id=by-vsock process.Env=PATH=/bin sh -c 'cat; exit 6'", data=data)
    tap.ok(p.returncode == 6 and p.stdout == data, "hybrid vsock: a process in the container, a megabyte to it and back", (p.returncode, len(p.stdout), p.stderr))
    p = ctl("expect NOT_FOUND StartContainer cid=nobody")
    tap.ok((p.returncode, p.stdout) == (0, b'container "nobody" not found\n'), "hybrid vsock: an error of the agent", p)
    p = ctl("Check", port="4000")
    tap.ok(p.returncode == 1 and b"nothing listens on port 4000" in p.stderr, "hybrid vsock: a port on which nobody listens", p.stderr)


def check_life(h):
    """create, start, signals, exec --detach, the exit code, delete."""
    pid_file, out = h.work + "/pid", h.work + "/out"
    h.spec(["sh", "-c", "echo began; trap 'echo caught; exit 9' USR1; while :; do sleep 0.05; done"])
    r, w = os.pipe()
    code, said = call(h, "create", "--bundle", h.bundle, "--pid-file", pid_file, "one", out=out, pass_fds=(w,))
    os.close(w)
    if not tap.ok(code == 0 and said == "", "create ends well and says nothing", "%s %s" % (code, said)):
        return
    pid = int(read(pid_file))
    st = state(h, "one")
    tap.ok(st.get("status") == "created" and st.get("pid") == pid and os.path.exists("/proc/%d" % pid), "the container is created, its pid the stand-in's", st)
    fcntl.fcntl(r, fcntl.F_SETFL, os.O_NONBLOCK)
    tap.ok(os.read(r, 1) == b"", "the stand-in holds no descriptor that create was given")
    os.close(r)
    time.sleep(0.3)
    tap.ok("began" not in read(out), "nothing runs before start", read(out))
    code, _, err = h.run("exec", "one", "true")
    tap.ok(code == 1 and "is not running" in err, "exec wants a running container", err)
    code, _, err = h.run("create", "--bundle", h.bundle, "one")
    tap.ok(code == 1 and "one" in quiet(err), "an id is made once", err)
    code, _, err = h.run("start", "one")
    tap.ok(code == 0 and not err and wait_for(lambda: "began" in read(out)), "start lets it run, its output goes where create's went", err)
    tap.ok(state(h, "one").get("status") == "running", "it runs")
    code, _, err = h.run("start", "one")
    tap.ok(code == 1 and err == 'kata-runtime: cannot start container "one": it is running\n', "it is started once", err)
    code, _, err = h.run("delete", "one")
    tap.ok(code == 1 and state(h, "one").get("status") == "running", "a running container is not deleted without --force", err)

    exec_pid, exec_out = h.work + "/exec-pid", h.work + "/exec-out"
    code, said = call(h, "exec", "--detach", "--pid-file", exec_pid, "one", "sh", "-c", "echo inside; exit 5", out=exec_out)
    got = status_of(int(read(exec_pid))) if code == 0 else None
    tap.ok((code, got, quiet(read(exec_out))) == (0, 5, "inside\n"), "exec --detach: output and exit code by its own stand-in", "%s %s %s" % (code, got, said))
    code, said = call(h, "exec", "--detach", "one", "nothing-of-this-name", out=h.work + "/none")
    tap.ok(code == 127 and "nothing-of-this-name" in said, "exec --detach of a missing program ends with 127", "%s %s" % (code, said))
    left = [n for n in os.listdir(h.root + "/one/io") if not n.startswith("init-")]
    tap.ok(not left, "no FIFO of an ended exec is left", left)

    check_limits(h)
    check_vsock(h)
    os.kill(pid, signal.SIGUSR1)
    got = status_of(pid)
    tap.ok(got == 9 and read(out).endswith("caught\n"), "a signal to the stand-in reaches the process, whose exit code is the stand-in's", "%s %s" % (got, read(out)))
    st = state(h, "one")
    tap.ok(st.get("status") == "stopped" and st.get("pid") == 0, "then it is stopped", st)
    code, _, err = h.run("delete", "one")
    tap.ok(code == 0 and not h.left(), "delete leaves nothing", "%s %s" % (err, h.left(0)))


def check_terminal(h):
    """A terminal by --console-socket."""
    path, pid_file, out = h.work + "/console", h.work + "/pid", h.work + "/out"
    h.spec(["sh", "-c", "read line; echo got $line; stty size; exit 4"], terminal=True)
    code, _, err = h.run("create", "--bundle", h.bundle, "tty")
    tap.ok(code == 1 and "needs --console-socket to be created" in err and not h.left(), "a terminal needs a console socket", err)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        code, said = call(h, "run", "--detach", "--bundle", h.bundle, "--console-socket", path, "--pid-file", pid_file, "tty", out=out)
        if not tap.ok(code == 0, "run --detach with a terminal", said):
            return
        conn, _ = listener.accept()
    _, anc, _, _ = conn.recvmsg(64, socket.CMSG_SPACE(4))
    master = array.array("i", anc[0][2][:4])[0]
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
    # The stand-in gets SIGWINCH and tells the guest; there is no answer to wait for.
    time.sleep(1)
    os.write(master, b"words\n")
    got = b""
    while True:
        try:
            data = os.read(master, 4096)
        except OSError:
            break
        if not data:
            break
        got += data
    os.close(master)
    conn.close()
    code = status_of(int(read(pid_file)))
    tap.ok(code == 4 and b"got words\r\n" in got and b"33 77\r\n" in got, "input, output, size and exit code through the terminal", "%s %r" % (code, got))
    code, _, err = h.run("delete", "tty")
    tap.ok(code == 0 and not h.left(), "delete leaves nothing of it", err)


def check_failures(h):
    """What cannot run, and what is killed."""
    pid_file, out = h.work + "/pid", h.work + "/out"
    h.spec(["no-such-program"])
    code, said = call(h, "run", "--detach", "--bundle", h.bundle, "--pid-file", pid_file, "none", out=out)
    tap.ok(code == 127 and "no-such-program" in said and not os.path.exists(pid_file), "run --detach of a missing program: 127 and no pid file", "%s %s" % (code, said))
    tap.ok(not h.left(), "and nothing left", h.left(0))
    h.spec(["true"])
    for args, text in ((["create", "--bundle", h.bundle, "--console-socket", "/x", "c"], "--console-socket is for a process with a terminal"),
                       (["run", "--bundle", h.bundle, "--console-socket", "/x", "c"], "--console-socket is for run --detach and create"),
                       (["run", "--detach", "--timings", "-", "--bundle", h.bundle, "c"], "--timings is for a container in the foreground"),
                       (["create", "--bundle", "/nonexistent", "c"], "bundle /nonexistent: No such file or directory"),
                       (["create", "--bundle", h.bundle, "a/b"], 'invalid container id "a/b"'), (["create"], "expected one container id"),
                       (["start"], "missing container ID"), (["start", "nobody"], 'container "nobody" does not exist')):
        code, _, err = h.run(*args)
        tap.ok(code == 1 and text in err and quiet(err).count("\n") == 1 and not h.left(), "refused: " + " ".join(args[:1] + args[-1:]), err)
    h.spec(["sleep", "1000"])
    code, said = call(h, "create", "--bundle", h.bundle, "--pid-file", pid_file, "killed", out=out)
    pid = int(read(pid_file)) if code == 0 else 0
    if not tap.ok(pid > 0, "create once more", said):
        return
    os.kill(pid, signal.SIGKILL)
    status_of(pid)
    code, _, err = h.run("start", "killed")
    tap.ok(code == 0 and state(h, "killed").get("status") == "running", "a container without its stand-in can still be started", err)
    tap.ok(state(h, "killed").get("pid") not in (0, pid), "its pid is then the hypervisor's", state(h, "killed"))
    code, _, err = h.run("delete", "--force", "killed")
    tap.ok(code == 0 and not h.left(), "and removed", err)


def main():
    if os.geteuid() != 0:
        tap.skip("OCI commands", "needs root: the tests look into the root file system")
        tap.end()
    for check in (check_life, check_terminal, check_failures):
        h = Host()
        try:
            check(h)
        finally:
            h.end()
    tap.end()


main()
