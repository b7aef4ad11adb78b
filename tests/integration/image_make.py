#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Upstream's make interface: its variables become osbuilder's options, and a change of any of them makes the images again.

Environment: KATA_BUILD (the tree with the programs; the images go elsewhere).
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cases import Skip, case, finish, run, scratch_dir, tool  # noqa: E402

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.path.abspath(os.environ.get("KATA_BUILD", "build"))
OSBUILDER = f"{BUILD}/host/bin/osbuilder"
TMP = scratch_dir("image_make")
IMAGE = f"{TMP}/out/images/x86_64/agent/kata-containers.img"


def make(*args, ok=True):
    """Images below TMP, programs as they are."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    return run(tool("make"), f"O={TMP}/out", f"H={BUILD}/host", f"G={BUILD}/guest", f"GEN={BUILD}/gen", "ARCH=x86_64", *args, ok=ok,
               cwd=ROOT, env=env)


def command(*args):
    """The words of the osbuilder command that make would run."""
    out = make("-n", *args).stdout.replace("\\\n", " ")
    return re.search(r"osbuilder build (.*?) && ", out).group(1).split()


def options(*args):
    words = command(*args)
    return [w for w in words[words.index("--initrd") + 2:]]


def ready():
    for path in (OSBUILDER, f"{BUILD}/guest/bin/kata-agent"):
        if not os.path.exists(path):
            raise Skip(f"no {path}")


@case("the recipe agent stays the default, DISTRO chooses another, with systemd unless AGENT_INIT=yes")
def _():
    ready()
    assert command("rootfs-image")[:2] == ["--recipe", "agent"] and options("rootfs-image") == []
    assert command("rootfs-image", "DISTRO=debian")[:2] == ["--recipe", "debian"]
    assert options("rootfs-image", "DISTRO=debian") == ["--agent-init", "no"]
    assert options("initrd-image", "DISTRO=debian", "AGENT_INIT=yes") == ["--agent-init", "yes"]
    assert options("rootfs-image", "RECIPE=debian") == []


@case("every variable is an option")
def _():
    ready()
    have = options("rootfs-image", "RECIPE=debian", "AGENT_INIT=no", "EXTRA_PKGS=strace iproute2", "MEASURED_ROOTFS=yes", "FS_TYPE=erofs",
                   "ROOT_FREE_SPACE=7", "IMAGE_SIZE_ALIGNMENT_MB=2", "SKIP_DAX_HEADER=yes", "BUILD_VARIANT=base",
                   "KERNEL_MODULES_DIR=/nonexistent/6.1", "AGENT_POLICY=yes", "CONFIDENTIAL_GUEST=yes", "OS_VERSION=12",
                   "GUEST_HOOKS_TARBALL=/nonexistent/h.tar")
    want = ("--measured --no-dax --fs erofs --free-mib 7 --align-mib 2 --variant base --agent-init no --extra-package strace "
            "--extra-package iproute2 --modules /nonexistent/6.1 --policy osbuilder/policy/allow-all.toml "
            "--hooks /nonexistent/h.tar --confidential --os-version 12")
    assert have == want.split(), have
    own = options("rootfs-image", "AGENT_POLICY=yes", "AGENT_POLICY_FILE=osbuilder/README.md")
    assert own == ["--policy", "osbuilder/README.md"], own
    agent = command("rootfs-image", f"AGENT_SOURCE_BIN={OSBUILDER}")
    assert agent[agent.index("--agent") + 1] == OSBUILDER, agent


@case("images are made again when an option, or a file that one names, changes, and not else")
def _():
    ready()
    os.makedirs(f"{TMP}/hooks/usr/share/oci/hooks/prestart")
    hook = f"{TMP}/hooks/usr/share/oci/hooks/prestart/h"
    with open(hook, "w", encoding="ascii") as f:
        f.write("#!/bin/sh\n")
    os.chmod(hook, 0o755)
    args = ["rootfs-image", f"GUEST_HOOKS_TARBALL={TMP}/hooks", "AGENT_POLICY=yes", "SKIP_DAX_HEADER=yes"]
    make(*args)
    first = os.stat(IMAGE).st_mtime_ns
    make(*args)
    assert os.stat(IMAGE).st_mtime_ns == first
    run(OSBUILDER, "extract", "--no-devices", IMAGE, f"{TMP}/x")
    assert os.access(f"{TMP}/x/usr/share/oci/hooks/prestart/h", os.X_OK)
    assert os.readlink(f"{TMP}/x/etc/kata-opa/default-policy.toml") == "allow-all.toml"
    with open(f"{TMP}/x/etc/kata-opa/allow-all.toml", encoding="utf-8") as f:
        assert 'rpc = "*"\n' in f.read()
    os.utime(hook)
    make(*args)
    second = os.stat(IMAGE).st_mtime_ns
    assert second > first
    make(*args, "FS_TYPE=erofs")
    assert os.stat(IMAGE).st_mtime_ns > second and "filesystem: erofs" in run(OSBUILDER, "inspect", IMAGE).stdout


@case("what cannot be is refused with one line")
def _():
    ready()
    p = make("rootfs-image", "DISTRO=none", ok=False)
    assert p.returncode and "there is no recipe 'none' in recipes/" in p.stderr, p.stderr
    p = make("rootfs-image", "AGENT_INIT=no", ok=False)
    assert p.returncode and "osbuilder: recipe 'agent' has no [systemd]: only the agent can be its init" in p.stderr, p.stderr
    p = make("rootfs-image", "DISTRO=debian", "OS_VERSION=11", ok=False)
    assert p.returncode and "osbuilder: recipe 'debian' is of version 12, not 11" in p.stderr, p.stderr
    p = make("rootfs-image", "EXTRA_PKGS=strace", ok=False)
    assert p.returncode and "recipe 'agent' has no packages: extra packages cannot be added" in p.stderr, p.stderr
    p = make("rootfs-image", "AGENT_INIT=perhaps", ok=False)
    assert p.returncode and "--agent-init 'perhaps' is neither yes nor no" in p.stderr, p.stderr


finish()
