#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each recipe that can be built here in each of its forms, booted by kata-runtime until the agent is ready: it runs a container, which
says how its guest was started.

Debian's packages come from the cache or a mirror; without either those rows are skipped.
Environment: see tests/support/kata_runtime.py; KATA_AGENT, KATA_KERNEL_DIR (vmlinux.container; default the configuration's kernel).
"""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import kata_runtime as kata  # noqa: E402

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
OSBUILDER = os.path.join(kata.BIN, "osbuilder")
AGENT = os.path.abspath(os.environ.get("KATA_AGENT", kata.BUILD + "/guest/bin/kata-agent"))
KERNEL = os.path.join(os.environ.get("KATA_KERNEL_DIR", "/nonexistent"), "vmlinux.container")

# name, recipe, options of all its builds
RECIPES = [
    ("agent", "agent", []),
    ("debian", "debian", []),
    ("debian with systemd", "debian", ["--agent-init", "no"]),
]
# name, options of the build, keys of the configuration, and what the guest's command line must say
FORMS = [
    ("ext4 image", ["--fs", "ext4"], {"rootfs_type": "ext4"}, r"root=/dev/pmem0p1 .*rootfstype=ext4"),
    ("erofs image as a disk", ["--fs", "erofs", "--no-dax"], {"rootfs_type": "erofs", "disable_image_nvdimm": True},
     r"root=/dev/vda1 .*rootfstype=erofs"),
    ("measured image", ["--fs", "erofs", "--measured"], {"rootfs_type": "erofs"}, r"dm-mod\.create=.*verity 1 /dev/pmem0p1 /dev/pmem0p2"),
    ("initrd", None, {"image": None}, r"^(?!.*root=/dev/)"),
]

tap = kata.Tap()


def build(recipe, out, options, form):
    """The options of the configuration that name what was built, or why it cannot be built here."""
    os.makedirs(out)
    initrd = form is None
    argv = ["--initrd", f"{out}/kata-initrd.img"] if initrd else ["--image", f"{out}/kata.img", *form]
    p = subprocess.run([OSBUILDER, "build", "--recipe", recipe, "--agent", AGENT, "--arch", "x86_64", *options, *argv], cwd=ROOT,
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if p.returncode and any(w in p.stderr for w in ("cannot be fetched", "Failed to fetch", "Could not resolve")):
        return None, "no Debian mirror can be reached: " + p.stderr.strip().splitlines()[-1][:200]
    if p.returncode:
        raise AssertionError(p.stderr)
    return ({"initrd": f"{out}/kata-initrd.img"} if initrd else {"image": f"{out}/kata.img"}), None


def check(host, n, recipe, form):
    name = f"{recipe[0]}: {form[0]}"
    try:
        files, why = build(recipe[1], f"{host.work}/images/{n}", recipe[2], form[1])
    except AssertionError as e:
        tap.ok(False, name, str(e))
        return
    if why:
        tap.skip(name, why)
        return
    keys = {"shared_fs": "none", **form[2], **files}
    if os.path.exists(KERNEL):
        keys["kernel"] = KERNEL
    config = kata.write_config(f"{host.work}/recipe{n}.toml", **keys)
    status, out, err = host.container(["cat", "/proc/cmdline"], config=config)
    line = out.decode(errors="replace").strip()
    # as upstream, an initrd is not told its target: default.target leads to it
    systemd = "systemd.unit=kata-containers.target" in line
    tap.ok(status == 0 and re.search(form[3], line) and systemd == ("systemd" in recipe[0] and "image" in files),
           f"{name}: the agent is ready and runs a container", f"{status} {line} {err}")
    for path in files.values():
        os.unlink(path)


def main():
    kata.skip_all_unless_ready(tap)
    for what in (OSBUILDER, AGENT):
        if not os.path.exists(what):
            tap.skip("recipes", what + " does not exist")
            tap.end()
    host = kata.Host()
    try:
        for n, (recipe, form) in enumerate((r, f) for r in RECIPES for f in FORMS):
            check(host, n, recipe, form)
        left = host.left()
        tap.ok(not left, "nothing is left behind", "\n".join(left))
    finally:
        host.end()
    tap.end()


main()
