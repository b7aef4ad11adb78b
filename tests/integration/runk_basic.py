#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""runk's commands one by one on bundles of busybox."""

import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import case  # noqa: E402
from runk import Bundle, Runtime, finish, need_root  # noqa: E402

rt = Runtime()
b = Bundle()
b.edit("sh", "-c", "echo hello; exit 7")


def wait_status(rt, ident, status, seconds=5):
    end = time.time() + seconds
    while rt.state(ident)["status"] != status:
        assert time.time() < end, rt.state(ident)
        time.sleep(0.01)


def left_over(rt):
    return os.listdir(rt.root)


@case("run passes the exit code and output on, and leaves nothing")
def _():
    need_root()
    p = rt.run("run", "-b", b.dir, "one", ok=False)
    assert (p.returncode, p.stdout) == (7, "hello\n"), p
    assert not left_over(rt)


@case("create, start, state, list, kill, delete")
def _():
    need_root()
    b.edit("sleep", "100")
    rt.create("two", b, "--pid-file", b.dir + "/pid")
    st = rt.state("two")
    assert st["status"] == "created" and st["id"] == "two" and st["bundle"] == b.dir and st["rootfs"] == b.rootfs, st
    with open(b.dir + "/pid") as f:
        assert f.read() == str(st["pid"])
    with open(f"/proc/{st['pid']}/cmdline") as f:
        assert "sleep" not in f.read()
    rt.run("start", "two")
    assert rt.state("two")["status"] == "running"
    with open(f"/proc/{st['pid']}/cmdline") as f:
        assert f.read() == "sleep\x00100\x00"
    assert [c["id"] for c in json.loads(rt.run("list", "-f", "json").stdout)] == ["two"]
    assert rt.run("list", "-q").stdout == "two\n"
    p = rt.run("start", "two", ok=False)
    assert p.returncode == 1 and "already running" in p.stderr, p
    p = rt.run("delete", "two", ok=False)
    assert p.returncode == 1 and "not stopped" in p.stderr, p
    p = rt.create("two", b, ok=False)
    assert p.returncode == 1 and "exists already" in p.stderr, p
    rt.run("kill", "two", "KILL")
    wait_status(rt, "two", "stopped")
    p = rt.run("kill", "two", "TERM", ok=False)
    assert p.returncode == 1 and "container not running" in p.stderr, p
    rt.run("delete", "two")
    p = rt.run("state", "two", ok=False)
    assert p.returncode == 1 and 'container "two" does not exist' in p.stderr, p
    assert not left_over(rt)


@case("a created container can be deleted, a missing one only by force")
def _():
    need_root()
    rt.create("three", b)
    rt.run("delete", "three")
    assert rt.run("delete", "three", ok=False).returncode == 1
    rt.run("delete", "--force", "three")
    assert not left_over(rt)


@case("a program that is not there fails the creation with its name, and leaves nothing")
def _():
    need_root()
    b.edit("nosuch")
    p = rt.create("four", b, ok=False)
    assert p.returncode == 1 and 'exec "nosuch": executable file not found in $PATH' in p.stderr, p
    assert not left_over(rt)


@case("exec: exit code, user, groups, environment, directory, capabilities, a program that is not there")
def _():
    need_root()
    b.edit("sleep", "100")
    rt.create("five", b)
    rt.run("start", "five")
    p = rt.run("exec", "--user", "1000:100", "-g", "7", "-g", "8", "-e", "A=b", "--cwd", "/tmp", "five", "sh", "-c",
               "id -u; id -G; echo $A; pwd; exit 9", ok=False)
    assert (p.returncode, p.stdout) == (9, "1000\n100 7 8\nb\n/tmp\n"), p
    p = rt.run("exec", "--cap", "CAP_NET_ADMIN", "five", "grep", "CapEff", "/proc/self/status")
    assert int(p.stdout.split()[1], 16) >> 12 & 1, p
    p = rt.run("exec", "five", "nosuch", ok=False)
    assert p.returncode == 255 and "executable file not found" in p.stderr, p
    with open(b.dir + "/process.json", "w") as f:
        json.dump({"args": ["sh", "-c", "echo $B"], "env": ["PATH=/bin", "B=c"], "cwd": "/", "user": {"uid": 0, "gid": 0}}, f)
    assert rt.run("exec", "-p", b.dir + "/process.json", "five").stdout == "c\n"


@case("ps, pause, resume, update, events, features")
def _():
    need_root()
    st = rt.state("five")
    assert json.loads(rt.run("ps", "-f", "json", "five").stdout) == [st["pid"]]
    assert "sleep 100" in rt.run("ps", "five").stdout
    rt.run("pause", "five")
    assert rt.state("five")["status"] == "paused"
    p = rt.run("exec", "five", "true", ok=False)
    assert p.returncode == 255 and "paused" in p.stderr, p
    p = rt.run("pause", "five", ok=False)
    assert p.returncode == 1 and "not running" in p.stderr, p
    rt.run("resume", "five")
    rt.run("update", "--pids-limit", "33", "five")
    ev = json.loads(rt.run("events", "--stats", "five").stdout)
    assert ev["type"] == "stats" and ev["id"] == "five" and ev["data"]["pids"] == {"current": 1, "limit": 33}, ev
    p = rt.run("update", "--memory", "lots", "five", ok=False)
    assert p.returncode == 1 and "invalid value for memory: lots" in p.stderr, p
    rt.run("pause", "five")
    rt.run("delete", "-f", "five")
    assert not left_over(rt)
    f = json.loads(rt.run("features").stdout)
    assert "time" in f["linux"]["namespaces"] and f["linux"]["seccomp"]["enabled"] and "CAP_BPF" in f["linux"]["capabilities"]


@case("--log takes errors as the JSON lines that callers read")
def _():
    log = b.dir + "/log"
    p = rt.run("state", "nosuch", ok=False, glob=("--log", log, "--log-format", "json"))
    assert p.returncode == 1
    with open(log) as f:
        line = json.loads(f.read())
    assert line["level"] == "error" and line["msg"] == 'container "nosuch" does not exist' and "time" in line, line


@case("command lines that are wrong are refused with one line")
def _():
    for args, text in ((["nosuch"], 'no command "nosuch"'), (["state"], "id is required"), (["state", "a", "b"], "one argument"),
                       (["state", "../x"], "invalid container id"), (["kill", "x", "NOSIG"], 'unknown signal "NOSIG"'),
                       (["create", "--nosuch", "x"], "flag provided but not defined: -nosuch"),
                       (["--log-format", "xml", "list"], "unknown log-format"), (["--rootless", "maybe", "list"], "--rootless"),
                       (["spec", "-b", b.dir], "exists"), (["list", "-f", "yaml"], "invalid format option")):
        p = rt.run(*args, ok=False)
        assert p.returncode == 1 and text in p.stderr and len(p.stderr.splitlines()) == 1, (args, p)
    # There is no driver for systemd, and nothing is made behind its back.
    p = rt.run("--systemd-cgroup", "run", "-b", b.dir, "sd", ok=False)
    assert p.returncode == 1 and "--systemd-cgroup" in p.stderr and len(p.stderr.splitlines()) == 1, p
    assert rt.run("state", "sd", ok=False).returncode == 1


sys.exit(finish(rt, b))
