#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What runk can do and the runtimes of this distribution cannot, or not all of them: it is held to the specification alone."""

import array
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import case, tool  # noqa: E402
from runk import RUNK, Bundle, Runtime, finish, need_root  # noqa: E402

need_root()
rt = Runtime()
b = Bundle()


def ns(kind, **more):
    b.config["linux"]["namespaces"] = [n for n in b.config["linux"]["namespaces"] if n["type"] != kind] + [dict(type=kind, **more)]


def sh(script, ok=True, **process):
    b.edit("sh", "-c", script, **process)
    p = rt.run("run", "-b", b.dir, "lib", ok=ok)
    return p.stdout if ok else p


def receive(path, done):
    """Takes one message with a descriptor from whoever connects."""
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(1)

    def run():
        c, _ = s.accept()
        data, anc, _, _ = c.recvmsg(65536, socket.CMSG_SPACE(4))
        done["data"] = data
        done["fd"] = array.array("i", anc[0][2])[0]
        if "then" in done:
            done["then"](done["fd"])
    t = threading.Thread(target=run, daemon=True)
    t.start()
    return t


@case("a time namespace with its own clocks")
def _():
    b.reset()
    ns("time")
    b.config["linux"]["timeOffsets"] = {"monotonic": {"secs": 5000, "nanosecs": 7}, "boottime": {"secs": 100000}}
    out = sh("cat /proc/self/timens_offsets | sed 's/  */ /g'; cut -d. -f1 /proc/uptime").split()
    assert out[:6] == ["monotonic", "5000", "7", "boottime", "100000", "0"], out
    with open("/proc/uptime") as f:
        assert abs(int(out[6]) - float(f.read().split()[0]) - 100000) < 5, out
    b.reset()
    b.config["linux"]["timeOffsets"] = {"monotonic": {"secs": 1}}
    p = sh("true", ok=False)
    assert p.returncode == 1 and "linux.timeOffsets: needs a time namespace" in p.stderr, p


@case("scheduler, I/O priority and personality")
def _():
    b.reset()
    b.config["linux"]["personality"] = {"domain": "LINUX32"}
    out = sh("cut -d' ' -f19,41 /proc/self/stat; cat /proc/self/personality", scheduler={"policy": "SCHED_BATCH", "nice": 7},
             ioPriority={"class": "IOPRIO_CLASS_IDLE", "priority": 3})
    assert out == "7 3\n00000008\n", out
    for change, text in (({"scheduler": {"policy": "SCHED_HOPE"}}, "process.scheduler.policy: unknown value"),
                         ({"scheduler": {"policy": "SCHED_OTHER", "nice": 90}}, "process.scheduler.nice: 90"),
                         ({"ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 9}}, "process.ioPriority.priority: 9")):
        b.reset()
        p = sh("true", ok=False, **change)
        assert p.returncode == 1 and text in p.stderr, p


@case("what is not built is refused by name")
def _():
    for key, value in (("intelRdt", {"closID": "x"}), ("netDevices", {"eth0": {"name": "x"}}), ("memoryPolicy", {"mode": "MPOL_BIND"})):
        b.reset()
        b.config["linux"][key] = value
        p = sh("true", ok=False)
        assert p.returncode == 1 and f"linux.{key} is not supported" in p.stderr, p
    b.reset()
    p = sh("true", ok=False, selinuxLabel="system_u:system_r:container_t:s0")
    assert p.returncode == 1 or os.path.exists("/sys/fs/selinux/enforce"), p
    p = sh("true", ok=False, apparmorProfile="nosuch")
    assert p.returncode == 1, p


@case("an idmapped mount, by its own maps and by the container's")
def _():
    src = b.dir + "/src"
    os.makedirs(src, exist_ok=True)
    with open(src + "/file", "w") as f:
        f.write("x")
    os.chown(src + "/file", 1000, 1000)
    b.reset()
    maps = [{"containerID": 1000, "hostID": 2000, "size": 10}]
    b.config["mounts"].append({"destination": "/mnt", "type": "bind", "source": src, "options": ["bind"], "uidMappings": maps, "gidMappings": maps})
    assert sh("stat -c '%u %g' /mnt/file") == "2000 2000\n"
    b.reset()
    ns("user")
    b.config["linux"].update(uidMappings=[{"containerID": 0, "hostID": 100000, "size": 65536}],
                             gidMappings=[{"containerID": 0, "hostID": 100000, "size": 65536}])
    b.config["mounts"].append({"destination": "/mnt", "type": "bind", "source": src, "options": ["bind", "idmap"]})
    assert sh("stat -c '%u %g' /mnt/file") == "1000 1000\n"
    b.config["mounts"][-1].update(type="tmpfs", source="tmpfs", options=["idmap"])
    p = sh("true", ok=False)
    assert "only bind mounts can be idmapped" in p.stderr, p


@case("a user namespace joined by its path")
def _():
    b.reset()
    holder = subprocess.Popen(["unshare", "-U", "sleep", "30"])
    end = time.time() + 5
    while os.readlink(f"/proc/{holder.pid}/ns/user") == os.readlink("/proc/self/ns/user") and time.time() < end:
        time.sleep(0.01)
    for f in ("uid_map", "gid_map"):
        with open(f"/proc/{holder.pid}/{f}", "w") as m:
            m.write("0 200000 65536")
    ns("user", path=f"/proc/{holder.pid}/ns/user")
    out = sh("readlink /proc/self/ns/user; id -u; sed 's/  */ /g' /proc/self/uid_map").splitlines()
    assert out == [os.readlink(f"/proc/{holder.pid}/ns/user"), "0", " 0 200000 65536"], out
    holder.kill()
    holder.wait()


@case("tmpcopyup copies what the directory holds, and is for tmpfs only")
def _():
    b.reset()
    b.config["mounts"].append({"destination": "/etc", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup", "ro"]})
    assert sh("grep -c root /etc/passwd; stat -c %a /etc/passwd; touch /etc/x 2>&1; true") == "1\n644\ntouch: /etc/x: Read-only file system\n"
    b.config["mounts"][-1].update(type="ramfs")
    assert "\"tmpcopyup\" is for tmpfs" in sh("true", ok=False).stderr


@case("seccomp: a call is answered by the listener")
def _():
    b.reset()
    path, done = b.dir + "/listen", {}
    b.config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": path, "listenerMetadata": "meta",
                                    "syscalls": [{"names": ["sync"], "action": "SCMP_ACT_NOTIFY"}]}
    t = receive(path, done)
    assert sh("echo fine") == "fine\n"
    t.join(5)
    msg = json.loads(done["data"])
    assert msg["fds"] == ["seccompFd"] and msg["metadata"] == "meta" and msg["pid"] > 1 and msg["state"]["id"] == "lib", msg
    assert "seccomp notify" in os.readlink(f"/proc/self/fd/{done['fd']}")
    os.close(done["fd"])
    del b.config["linux"]["seccomp"]["listenerPath"]
    assert "listenerPath: an absolute path is needed" in sh("true", ok=False).stderr


@case("console sockets of create and exec, and what is wrong with them")
def _():
    b.reset()
    b.edit("sh", "-c", "tty; stty size; sleep 100", terminal=True, consoleSize={"height": 33, "width": 77})
    done = {}
    t = receive(b.dir + "/con", done)
    rt.create("con", b, "--console-socket", b.dir + "/con")
    rt.run("start", "con")
    t.join(5)
    text = b""
    while text.count(b"\n") < 2:
        text += os.read(done["fd"], 1000)
    assert text.split() == [b"/dev/pts/0", b"33", b"77"], text
    again = {}
    t = receive(b.dir + "/con2", again)
    rt.run("exec", "-d", "-t", "--console-socket", b.dir + "/con2", "con", "sh", "-c", "tty; sleep 1")
    t.join(5)
    assert os.read(again["fd"], 1000).split() == [b"/dev/pts/1"]
    for args, text in ((["create", "-b", b.dir, "x"], "without setting console socket"), (["exec", "-d", "-t", "con", "sh"], "without setting")):
        p = rt.run(*args, ok=False)
        assert p.returncode in (1, 255) and text in p.stderr, p
    rt.run("delete", "-f", "con")
    b.edit("true", terminal=False)
    assert "cannot use console socket" in rt.run("create", "-b", b.dir, "--console-socket", b.dir + "/con", "x", ok=False).stderr


@case("descriptors are passed on when asked for, and only these")
def _():
    b.reset()
    b.edit("sh", "-c", "cat <&3; ls /proc/self/fd | tr '\\n' ' '")
    r, w = os.pipe()
    os.write(w, b"through\n")
    os.close(w)
    os.dup2(r, 3)
    p = rt.run("run", "-b", b.dir, "--preserve-fds", "1", "fds", pass_fds=(3,))
    assert p.stdout == "through\n0 1 2 3 4 ", p
    p = rt.run("run", "-b", b.dir, "--preserve-fds", "40", "fds", ok=False, pass_fds=(3,))
    assert p.returncode == 1 and "is not open" in p.stderr, p


@case("--no-pivot, --pid-file, --keep, and a joined pid namespace that is cleared of all processes")
def _():
    b.reset()
    b.edit("sh", "-c", "ls -d /bin; exit 4")
    p = rt.run("run", "-b", b.dir, "--no-pivot", "--keep", "--pid-file", b.dir + "/pid", "kept", ok=False)
    assert (p.returncode, p.stdout) == (4, "/bin\n"), p
    assert rt.state("kept")["status"] == "stopped"
    rt.run("delete", "kept")
    b.config["linux"]["namespaces"] = [n for n in b.config["linux"]["namespaces"] if n["type"] != "pid"]
    b.edit("sh", "-c", "sleep 1000 & sleep 1000 & exec sleep 1000")
    rt.create("many", b)
    rt.run("start", "many")
    pids = json.loads(rt.run("ps", "-f", "json", "many").stdout)
    end = time.time() + 5
    while len(pids) < 3 and time.time() < end:
        pids = json.loads(rt.run("ps", "-f", "json", "many").stdout)
    assert len(pids) == 3, pids
    rt.run("kill", "--all", "many", "KILL")
    rt.run("delete", "-f", "many")
    assert not any(os.path.exists(f"/proc/{p}/exe") and "busybox" in os.readlink(f"/proc/{p}/exe") for p in pids)


@case("rootless: an ordinary user without any right, by one id and by newuidmap")
def _():
    tool("newuidmap")
    user = 54321
    d = b.dir + "/user"
    shutil.copytree(b.rootfs, d + "/rootfs", symlinks=True)
    subprocess.run(["chown", "-R", f"{user}:{user}", d], check=True)
    argv = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "env", f"XDG_RUNTIME_DIR={d}"]
    subprocess.run(argv + [RUNK, "spec", "--rootless", "-b", d], check=True)
    with open(d + "/config.json") as f:
        c = json.load(f)
    c["process"].update(terminal=False, args=["sh", "-c", "id -u; sed 's/  */ /g' /proc/self/uid_map; exit 3"])
    with open(d + "/config.json", "w") as f:
        json.dump(c, f)
    p = subprocess.run(argv + [RUNK, "run", "-b", d, "rl"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False)
    assert (p.returncode, p.stdout) == (3, f"0\n 0 {user} 1\n"), p
    c["process"]["args"] = ["sleep", "20"]
    with open(d + "/config.json", "w") as f:
        json.dump(c, f)
    subprocess.run(argv + [RUNK, "run", "-d", "-b", d, "rl"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True, timeout=20)
    p = subprocess.run(argv + [RUNK, "exec", "rl", "sh", "-c", "id -u; ls /proc | grep -c '^[0-9]'"], stdin=subprocess.DEVNULL, capture_output=True,
                       text=True, timeout=20, check=False)
    assert p.returncode == 0 and p.stdout.startswith("0\n"), p
    subprocess.run(argv + [RUNK, "delete", "-f", "rl"], check=True, timeout=20)


sys.exit(finish(rt, b))
