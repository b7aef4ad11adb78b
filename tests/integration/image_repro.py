#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two builds of a recipe give the same bytes, by different users, in different directories, from recipes and agents checked out at
different times, with other umasks, time zones, locales, clocks and numbers of processors, one with an empty and one with a full cache.

The recipes of other distributions, whose repositories are made by the test, are in image_distros.py; Debian's come from a mirror."""

import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import worlds  # noqa: E402
from cases import Skip, UNPRIVILEGED, as_user, case, finish, run, scratch_dir  # noqa: E402
from images import sha512  # noqa: E402

BIN = os.path.abspath(os.environ.get("KATA_BIN", "build/host/bin"))
AGENT = os.path.abspath(os.environ.get("KATA_AGENT", "build/guest/bin/kata-agent"))
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
# Later than the time of any file here: whatever keeps a time of its own shows.
EPOCH = "1999999999"
TMP = scratch_dir("image_repro")
# name, recipe, options; all of them make an image, an initrd and a tar file
VARIANTS = [
    ("agent, ext4, measured", "agent", ["--measured"]),
    ("agent, erofs, measured, zstd initrd", "agent", ["--fs", "erofs", "--measured", "--initrd-compression", "zstd"]),
    ("agent, one partition table, free space", "agent", ["--no-dax", "--free-mib", "3", "--initrd-compression", "none"]),
    ("overlay, ext4", "overlay", []),
    ("debian, ext4, measured", "debian", ["--measured"]),
    ("debian with systemd, erofs, measured, zstd initrd", "debian", ["--agent-init", "no", "--fs", "erofs", "--measured",
                                                                     "--initrd-compression", "zstd"]),
]
WORLD = worlds.other(TMP)
# A recipe of files of a checkout: what their times, modes and owners are depends on who made it.
OVERLAY = """format = 1
name = "overlay"
[agent]
path = "/sbin/init"
[[source]]
type = "dir"
path = "files"
[[source]]
type = "file"
path = "recipe.toml"
target = "/etc/recipe.toml"
[[text]]
path = "/etc/IiİıŞ"
text = "i"
"""


def checkout(d, when, user):
    """Recipes and agent as they lie in a working copy that was made at that time, with that umask, by that user."""
    shutil.copytree(f"{ROOT}/recipes", f"{d}/recipes")
    os.makedirs(f"{d}/recipes/overlay/files/opt/x")
    with open(f"{d}/recipes/overlay/recipe.toml", "w", encoding="utf-8") as f:
        f.write(OVERLAY)
    names = [f"file-{i}" for i in range(30)]
    for name in names if when % 2 else reversed(names):  # another order of readdir
        with open(f"{d}/recipes/overlay/files/opt/x/{name}", "w", encoding="ascii") as f:
            f.write(name)
    os.chmod(f"{d}/recipes/overlay/files/opt/x/file-7", 0o755)
    shutil.copy(AGENT, f"{d}/agent")
    for top, dirs, files in os.walk(d):
        for path in [os.path.join(top, n) for n in dirs + files] + [top]:
            if user is not None:
                os.chown(path, user, user)
                os.chmod(path, os.stat(path).st_mode & ~0o077)
                try:
                    os.setxattr(path, "user.note", b"of this checkout")
                except OSError:
                    pass
            os.utime(path, (when, when))


def build(where, recipe, cache, out, argv, extra=None):
    """The finished process, and {name: SHA-512} of what lies in out."""
    kw = dict(extra or {})
    env = dict(os.environ, OSBUILDER_CACHE=cache, TMPDIR=where, OSBUILDER_PROGRESS="quiet", **kw.pop("env", {"TZ": "UTC", "LC_ALL": "C"}))
    os.mkdir(out)
    if "user" in kw:
        os.chown(out, kw["user"], kw["group"])
    p = run(f"{TMP}/osbuilder", "build", "--recipes", f"{where}/recipes", "--recipe", recipe, "--agent", f"{where}/agent", "--arch",
            "x86_64", "--source-date-epoch", EPOCH, *argv, ok=False, cwd=where, env=env, **kw)
    return p, {n: sha512(f"{out}/{n}") for n in os.listdir(out)}


def offline(p):
    if p.returncode and any(w in p.stderr for w in ("cannot be fetched", "Failed to fetch", "Could not resolve")):
        return f"no Debian mirror can be reached: {p.stderr.strip().splitlines()[-1][:200]}"
    return None


def outputs(out):
    return ["--image", f"{out}/kata.img", "--initrd", f"{out}/kata-initrd.img", "--tar", f"{out}/root.tar"]


def warm(cache, user):
    """The cache of the first build, for the second user."""
    to = f"{TMP}/warm"
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(cache, to, symlinks=True)
    if user is not None:
        run("chown", "-R", f"{user}:{user}", to)
    return to


def twice(n, name, recipe, argv, user, outs=outputs, want=()):
    @case(f"{name}: the same bytes in another world")
    def _():
        a, b = f"{TMP}/a", f"{TMP}/ein längerer Pfad"
        p, first = build(a, recipe, f"{TMP}/cold", f"{a}/out{n}", argv + outs(f"{a}/out{n}"), {"umask": 0o022})
        if offline(p):
            raise Skip(offline(p))
        assert p.returncode == 0, p.stderr
        out = f"{b}/out{n}"
        p, second = build(b, recipe, warm(f"{TMP}/cold", user) if os.path.exists(f"{TMP}/cold") else f"{TMP}/warm{n}", out,
                          argv + outs(out), {**WORLD, "env": dict(WORLD["env"]), **(as_user() if user is not None else {})})
        assert p.returncode == 0, p.stderr
        assert first == second, [k for k in sorted({*first, *second}) if first.get(k) != second.get(k)]
        assert {"kata.img", "kata.img.manifest.json", "kata.img.spdx.json", "kata-initrd.img", "root.tar", *want} <= set(first) \
            or outs is not outputs, sorted(first)
        if "--measured" in argv:
            assert [k for k in first if k.startswith("root_hash_")], sorted(first)
        shutil.rmtree(f"{a}/out{n}")
        shutil.rmtree(out)


def main():
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    os.chmod(TMP, 0o755)
    shutil.copy(f"{BIN}/osbuilder", f"{TMP}/osbuilder")
    for d, when in (("a", 1600000001), ("ein längerer Pfad", 1790000000)):
        os.mkdir(f"{TMP}/{d}")
        checkout(f"{TMP}/{d}", when, user if d != "a" else None)
    for cache in [f"{TMP}/warm{n}" for n in range(len(VARIANTS) + 1)]:
        os.mkdir(cache)
        os.chmod(cache, 0o777)
    print("# the other world has", ", ".join(f"{k}={v}" for k, v in WORLD["env"].items()))
    for n, (name, recipe, argv) in enumerate(VARIANTS):
        twice(n, name, recipe, argv, user)
    twice(len(VARIANTS), "busybox, the root of a container as a tar file", "busybox", [], user, lambda out: ["--tar", f"{out}/root.tar"])


if __name__ == "__main__":
    main()
    finish()
