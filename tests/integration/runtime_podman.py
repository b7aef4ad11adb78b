#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""podman with kata-runtime as its runtime: each container in a virtual machine, through conmon, create and start."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import Skip, case  # noqa: E402
from kata_runtime import BIN, CONFIG, RUNTIME  # noqa: E402
from podman import Podman  # noqa: E402
from runk import finish  # noqa: E402

# The state root is the default one: podman hands --runtime-flag to what it starts, but not to what cleans up after it.
STATE = "/run/kata-containers"
podman = Podman(RUNTIME, "--runtime-flag", "config=" + CONFIG)
RUN = ("run", "--network", "none")


def ready():
    for what in (RUNTIME, BIN + "/containerd-shim-kata-v2", CONFIG):
        if not os.path.exists(what):
            raise Skip(what + " does not exist")


def left():
    return set(os.listdir(STATE)) if os.path.isdir(STATE) else set()


before = left()


@case("podman run: exit code, both outputs, identity; a program that is not there is 127")
def _():
    ready()
    p = podman(*RUN, "--rm", "--user", "1000:1000", "--group-add", "77", "--cap-drop", "all", "--read-only", "--hostname", "box", "bb", "sh", "-c",
               "id -u; id -G; grep CapEff /proc/self/status; hostname; touch /x; exit 3", ok=False)
    assert p.returncode == 3 and p.stdout == "1000\n1000 77\nCapEff:\t0000000000000000\nbox\n" and "Read-only file system" in p.stderr, p
    p = podman(*RUN, "--rm", "bb", "nosuch", ok=False)
    assert p.returncode == 127 and "nosuch" in p.stderr, p


@case("podman run -d, exec, pause, logs, stop, inspect, rm")
def _():
    ready()
    podman(*RUN, "-d", "--name", "one", "bb", "sh", "-c", "echo started; trap 'echo stopped; exit 5' TERM; while :; do sleep 0.1; done")
    p = podman("exec", "-e", "X=y", "--user", "1000", "one", "sh", "-c", "id -u; echo $X; exit 6", ok=False)
    assert (p.returncode, p.stdout) == (6, "1000\ny\n"), p
    assert podman("exec", "one", "nosuch", ok=False).returncode == 127
    assert podman("ps", "--format", "{{.Names}}").stdout == "one\n"
    podman("pause", "one")
    assert podman("inspect", "-f", "{{.State.Status}}", "one").stdout == "paused\n"
    podman("unpause", "one")
    podman("stop", "-t", "20", "one")
    assert podman("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "one").stdout == "exited 5\n"
    assert podman("logs", "one").stdout == "started\nstopped\n"
    podman("rm", "one")


@case("podman run -it: a terminal whose size, its change and input arrive")
def _():
    ready()
    podman("ps")
    podman.shell(*RUN, timeout=60)


@case("nothing is left of the containers")
def _():
    ready()
    podman("rm", "-fa", "-t", "0")
    end = time.time() + 20
    while left() - before and time.time() < end:
        time.sleep(0.2)
    assert not left() - before, left()


sys.exit(finish(podman))
