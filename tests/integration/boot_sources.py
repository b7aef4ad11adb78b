#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where the kernel's source comes from: a release of kernel.org with its SHA-256 and signature, a directory; each refusal is one clear
line. And the cache of built kernels.

The sources are a few files in the shape of a kernel's. Runs in the source directory.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from kata_runtime import Tap  # noqa: E402

VERSION = "6.1.7"
PATCH = """Subject: test

--- a/file
+++ b/file
@@ -1,3 +1,3 @@
 one
-two
+TWO
 three
"""
tap = Tap()


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    return path


def make(work, *args):
    p = subprocess.run(["make", "-s", "O=%s/o" % work, "OSBUILDER_CACHE=%s/cache" % work, "KERNEL_PATCHES=%s/patches" % work, *args],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return p.returncode, p.stderr.decode()


def unpacked(work):
    try:
        with open(work + "/o/kernel/src/file", encoding="ascii") as f:
            return f.read()
    except OSError:
        return None


def accept(work, name, *args):
    shutil.rmtree(work + "/o", ignore_errors=True)
    code, err = make(work, *args, "kernel-source")
    tap.ok(code == 0 and unpacked(work) == "one\nTWO\nthree\n", name, "status %d\n%s" % (code, err))


def refuse(work, name, text, *args):
    """One line of ours, and nothing is unpacked."""
    shutil.rmtree(work + "/o", ignore_errors=True)
    code, err = make(work, *args, "kernel-source")
    ours = [l for l in err.splitlines() if not l.startswith("make")]
    ours += [l for l in err.splitlines() if l.startswith("make kernel:")]
    tap.ok(code != 0 and len(ours) == 1 and text in ours[0] and unpacked(work) is None, name, "status %d\n%s" % (code, err))


def make_tree(top):
    write(top + "/Makefile", "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 7\n")
    write(top + "/file", "one\ntwo\nthree\n")
    return top


def make_tarball(work):
    """linux-6.1.7.tar.xz and its signature in the cache: the path, the digest."""
    tree = make_tree("%s/linux-%s" % (work, VERSION))
    tar = "%s/cache/linux-%s.tar" % (work, VERSION)
    os.makedirs(work + "/cache")
    subprocess.run(["tar", "-cf", tar, "-C", work, os.path.basename(tree)], check=True)
    sign(work, tar, "good")
    subprocess.run(["xz", "-f", tar], check=True)
    with open(tar + ".xz", "rb") as f:
        return tar + ".xz", hashlib.sha256(f.read()).hexdigest()


def gpg(work, who, *args):
    home = "%s/gpg-%s" % (work, who)
    if not os.path.isdir(home):
        os.makedirs(home, mode=0o700)
        subprocess.run(["gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", "", "--quick-gen-key", who + "@example.org", "ed25519"],
                       check=True, stderr=subprocess.DEVNULL)
        subprocess.run(["gpg", "--homedir", home, "--batch", "--quiet", "--output", "%s/%s.gpg" % (work, who), "--export"], check=True)
    subprocess.run(["gpg", "--homedir", home, "--batch", "--quiet", "--yes", *args], check=True)


def sign(work, tar, who):
    gpg(work, who, "--output", tar + ".sign", "--detach-sign", tar)


def releases(work):
    tarball, digest = make_tarball(work)
    version, sha = "KERNEL_VERSION=" + VERSION, "KERNEL_SHA256=" + digest
    accept(work, "a release with its SHA-256 is unpacked and patched", version, sha)
    refuse(work, "a release that nobody has fetched is refused", "linux-6.1.8.tar.xz is missing; fetch it from https://cdn.kernel.org/",
           "KERNEL_VERSION=6.1.8", sha)
    refuse(work, "a release without a known SHA-256 is refused", "no SHA-256 for Linux 6.1.7: add it to kernel/versions.toml", version)
    refuse(work, "a release with another SHA-256 is refused", "is not Linux 6.1.7: its SHA-256 is %s, not %s" % (digest, "0" * 64),
           version, "KERNEL_SHA256=" + "0" * 64)
    accept(work, "a release from another place", version, sha, "KERNEL_TARBALL=" + tarball)
    refuse(work, "a series without patches is refused", "no patches for Linux 5.10, the series of 5.10.200 (there are: 6.1)",
           "KERNEL_VERSION=5.10.200", sha, "KERNEL_PATCHES=kernel/patches/5.10.x")
    listed = write(work + "/versions.toml", 'config_version = 1\nseries = "6.1"\n[sha256]\n"6.1.70" = "%s"\n"6.1.7" = "%s"\n' % ("0" * 64, digest))
    code = subprocess.run(["kernel/source.sh", VERSION, tarball, "", "", listed], check=False).returncode
    tap.ok(code == 0, "the SHA-256 is taken from versions.toml")
    signatures(work, tarball, version, sha)


def signatures(work, tarball, version, sha):
    good, other = "KERNEL_KEYRING=%s/good.gpg" % work, "KERNEL_KEYRING=%s/other.gpg" % work
    gpg(work, "other", "--output", work + "/unused.gpg", "--export")
    accept(work, "a release signed by a key of the keyring", version, sha, good)
    refuse(work, "a release signed by another key is refused", "the signature of %s is not good: gpgv: Can't check signature" % tarball,
           version, sha, other)
    refuse(work, "a keyring that is not there is refused", "none.gpg is missing: the signature of", version, sha,
           "KERNEL_KEYRING=%s/none.gpg" % work)
    tar = tarball[:-3]
    os.rename(tar + ".sign", tar + ".kept")
    refuse(work, "a release without its signature is refused", tar + ".sign is missing: the signature of", version, sha, good)
    write(work + "/changed", "something else")
    gpg(work, "good", "--output", tar + ".sign", "--detach-sign", work + "/changed")
    refuse(work, "a signature of something else is refused", "is not good: gpgv: BAD signature", version, sha, good)
    os.rename(tar + ".kept", tar + ".sign")


def directories(work):
    tree = make_tree(work + "/tree")
    accept(work, "a source directory is copied and patched", "KERNEL_DIR=" + tree)
    with open(tree + "/file", encoding="ascii") as f:
        tap.ok(f.read() == "one\ntwo\nthree\n", "the source directory itself is not patched")
    write(tree + "/new", "later")
    code, err = make(work, "KERNEL_DIR=" + tree, "kernel-source")
    tap.ok(code == 0 and os.path.exists(work + "/o/kernel/src/new"), "a new file of the directory is noticed", err)
    write(tree + "/.config", "")
    refuse(work, "a directory that was built in is refused", "is not clean; run 'make mrproper' there", "KERNEL_DIR=" + tree)
    refuse(work, "a directory without a kernel is refused", "is no kernel source: it has no Makefile", "KERNEL_DIR=%s/cache" % work)


def cache(work):
    """Two kernels of different keys, one damaged."""
    out, kept = work + "/kernel", work + "/kept"

    def call(op, key):
        return subprocess.run(["kernel/cache.sh", op, kept, key, out], check=False).returncode

    def built(text):
        shutil.rmtree(out, ignore_errors=True)
        write(out + "/vmlinux", text)
        os.symlink("vmlinux", out + "/vmlinux.container")
        write(out + "/kernel.manifest.json", json.dumps({"sha512": hashlib.sha512(text.encode()).hexdigest()}))

    tap.ok(call("get", "a") == 1, "an empty cache has no kernel")
    built("first")
    call("put", "a")
    built("second")
    call("put", "b")
    with_first = call("get", "a") == 0 and open(out + "/vmlinux", encoding="ascii").read() == "first"
    tap.ok(with_first and os.path.islink(out + "/vmlinux.container"), "a kernel comes back by its key")
    write(kept + "/b/vmlinux", "damaged")
    tap.ok(call("get", "b") == 1, "a damaged kernel does not come back")
    for i in range(20):
        call("put", "n%d" % i)
    tap.ok(len(os.listdir(kept)) == 16 and call("get", "n19") == 0, "the cache keeps the last 16", os.listdir(kept))


def main():
    with tempfile.TemporaryDirectory(prefix="boot-sources-") as work:
        write(work + "/patches/series", "0001.patch\n")
        write(work + "/patches/0001.patch", PATCH)
        releases(work)
        directories(work)
        cache(work)
    tap.end()


if __name__ == "__main__":
    main()
