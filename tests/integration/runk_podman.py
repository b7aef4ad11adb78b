#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""podman with runk as its runtime, in storage of its own."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import case  # noqa: E402
from podman import Podman  # noqa: E402
from runk import RUNK, finish  # noqa: E402

podman = Podman(RUNK)
RUN = ("run", "--network", "none")


@case("podman run: exit code and output; a program that is not there is 127, one that is no program 126")
def _():
    p = podman(*RUN, "--rm", "bb", "sh", "-c", "echo out; echo err >&2; exit 3", ok=False)
    assert (p.returncode, p.stdout, p.stderr) == (3, "out\n", "err\n"), p
    p = podman(*RUN, "--rm", "bb", "nosuch", ok=False)
    assert p.returncode == 127 and "nosuch" in p.stderr, p
    p = podman(*RUN, "--rm", "bb", "/etc/passwd", ok=False)
    assert p.returncode == 126 and "ermission denied" in p.stderr, p


@case("podman run with user, groups, capabilities, limits, read-only root, tmpfs, volume, sysctl, hostname")
def _():
    vol = podman.dir + "/vol"
    os.makedirs(vol, exist_ok=True)
    p = podman(*RUN, "--rm", "--user", "1000:1000", "--group-add", "77", "--cap-drop", "all", "--ulimit", "nofile=100:200", "--ulimit", "nproc=500:500", "--read-only",
               "--tmpfs", "/scratch:size=1m", "-v", vol + ":/vol:ro", "--sysctl", "net.ipv4.ip_forward=1", "--hostname", "box",
               "--memory", "64m", "--pids-limit", "20", "bb", "sh", "-c",
               "id -u; id -G; grep CapEff /proc/self/status; ulimit -n; touch /x 2>&1; touch /vol/x 2>&1; "
               "grep -c ' /scratch tmpfs.*size=1024k' /proc/mounts; cat /proc/sys/net/ipv4/ip_forward; hostname")
    assert p.stdout.split("\n") == ["1000", "1000 77", "CapEff:\t0000000000000000", "100", "touch: /x: Read-only file system",
                                    "touch: /vol/x: Read-only file system", "1", "1", "box", ""], p.stdout


@case("podman exec, logs, top, stats, pause, stop, rm of one container")
def _():
    podman(*RUN, "-d", "--name", "one", "bb", "sh", "-c", "echo started; trap 'echo stopped; exit 5' TERM; while :; do sleep 0.1; done")
    p = podman("exec", "-e", "X=y", "--user", "1000", "one", "sh", "-c", "id -u; echo $X; exit 6", ok=False)
    assert (p.returncode, p.stdout) == (6, "1000\ny\n"), p
    p = podman("exec", "one", "nosuch", ok=False)
    assert p.returncode == 127, p
    assert "sh -c" in podman("top", "one").stdout
    s = json.loads(podman("stats", "--no-stream", "--format", "json", "one").stdout)
    assert s[0]["name"] == "one" and int(s[0]["pids"]) >= 1, s
    podman("pause", "one")
    assert podman("inspect", "-f", "{{.State.Status}}", "one").stdout == "paused\n"
    assert podman("exec", "one", "true", ok=False).returncode != 0
    podman("unpause", "one")
    podman("stop", "-t", "5", "one")
    assert podman("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "one").stdout == "exited 5\n"
    assert podman("logs", "one").stdout == "started\nstopped\n"
    podman("start", "one")
    podman("kill", "one")
    assert podman("wait", "one").stdout == "137\n"
    podman("rm", "one")
    assert podman("ps", "-aq").stdout == ""


@case("podman run -it through a terminal, resized")
def _():
    podman("ps")
    podman.shell(*RUN, timeout=30)


@case("podman healthcheck: one that passes and one that fails")
def _():
    for name, cmd, good in (("well", "true", True), ("ill", "false", False)):
        podman(*RUN, "-d", "--name", name, "--health-cmd", cmd, "--health-interval", "disable", "bb", "sleep", "100")
        p = podman("healthcheck", "run", name, ok=False)
        assert (p.returncode == 0) == good, p
    podman("rm", "-f", "-t", "0", "well", "ill")


@case("nothing is left of the containers")
def _():
    podman("rm", "-fa", "-t", "0")
    assert not os.listdir("/run/runk") if os.path.isdir("/run/runk") else True


sys.exit(finish(podman))
