#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One container on every kind of machine, kernel file and guest image that the runtime supports.

Environment: see tests/support/kata_runtime.py; KATA_KERNEL_DIR and KATA_IMAGE_DIR hold what is combined.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from kata_runtime import CONFIG, Host, Tap, assets, skip_all_unless_ready, write_config  # noqa: E402

BUILD = os.path.dirname(os.path.dirname(CONFIG))
ARCH = os.uname().machine
KERNEL_DIR = os.environ.get("KATA_KERNEL_DIR", os.path.join(BUILD, "kernel", ARCH))
IMAGE_DIR = os.environ.get("KATA_IMAGE_DIR", os.path.join(BUILD, "images", ARCH, "agent"))
INITRD = os.path.join(IMAGE_DIR, "kata-containers-initrd.img")
DEBIAN = os.path.join(BUILD, "images", ARCH, "debian", "kata-containers.img")

# name, and what is changed in the configuration that the other tests use (q35, vmlinux, the agent's image as NVDIMM)
MACHINES = [
    ("q35, image as virtio disk", {"disable_image_nvdimm": True}),
    ("q35, initrd", {"image": None, "initrd": INITRD}),
    ("q35, bzImage", {"kernel": os.path.join(KERNEL_DIR, "vmlinuz.container")}),
    ("q35, packed root file system", {"shared_fs": "none"}),
    ("q35, two vCPUs", {"default_vcpus": 2}),
    ("pc", {"machine_type": "pc"}),
    ("microvm", {"machine_type": "microvm"}),
    ("microvm, initrd", {"machine_type": "microvm", "image": None, "initrd": INITRD}),
    ("microvm, packed root file system", {"machine_type": "microvm", "shared_fs": "none"}),
    ("q35, Debian image", {"image": DEBIAN}),
]


def shared(h):
    return "none" if h.user is not None else "virtio-fs"


def check(tap, h, name, changes):
    for key in ("kernel", "image", "initrd"):
        path = changes.get(key)
        if path and not os.path.exists(path):
            tap.skip(name, path + " does not exist")
            return
    config = write_config(h.work + "/machine.toml", **dict({"shared_fs": shared(h)}, **changes))
    cpus = changes.get("default_vcpus", 1)
    script = "echo out; echo err >&2; n=0; for c in /sys/devices/system/cpu/cpu[0-9]*; do n=$((n + 1)); done; exit $((40 + n))"
    code, out, err = h.container(["sh", "-c", script], config=config)
    tap.ok(code == 40 + cpus and out == b"out\n" and err.splitlines()[-1:] == ["err"], name,
           "exit status %s, stdout %r, stderr: %s" % (code, out, err))
    left = h.left()
    tap.ok(not left, name + ": nothing is left", "\n".join(left))


def main():
    tap = Tap()
    skip_all_unless_ready(tap)
    if "machine_type" not in assets():
        tap.skip("machines", "the configuration names no machine type")
        tap.end()
    h = Host(user=None if os.geteuid() == 0 else os.geteuid())
    try:
        for name, changes in MACHINES:
            check(tap, h, name, changes)
    finally:
        h.end()
    tap.end()


if __name__ == "__main__":
    main()
