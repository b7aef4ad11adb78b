#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""osbuilder build --measured against veritysetup, and osbuilder verify, as an ordinary user: the same tree byte for byte, and every
changed bit found and named."""

import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from kata_runtime import Tap  # noqa: E402

BIN = os.path.abspath(os.environ.get("KATA_BIN", "build/host/bin"))
AGENT = os.path.abspath(os.environ.get("KATA_AGENT", "build/guest/bin/kata-agent"))
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
UNPRIVILEGED = 65534
BLOCK = 4096
FLIPS = 200  # in the data and hash areas of one image, beside the chosen places
LINE = re.compile(r"root_hash=([0-9a-f]{64}),salt=([0-9a-f]+|-),data_blocks=(\d+),data_block_size=4096,hash_block_size=4096\n")

tap = Tap()


def run(*argv, **kw):
    as_user = {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []} if os.geteuid() == 0 else {}
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=ROOT, **as_user, **kw)


def build(out, *extra):
    """Builds out/kata.img; (result, partitions as (offset, size), content of the one root hash file)."""
    if not os.path.isdir(out):
        os.mkdir(out)
        os.chmod(out, 0o777)
    p = run(OSBUILDER, "build", "--recipe", "agent", "--agent", TEST_AGENT, "--arch", "x86_64", "--source-date-epoch", "1700000000",
            "--image", out + "/kata.img", *extra)
    if p.returncode:
        return p, None, None
    parts = json.load(open(out + "/kata.img.manifest.json"))["partitions"]
    lines = [n for n in os.listdir(out) if n.startswith("root_hash_")]
    return p, [(x["offset"], x["size"]) for x in parts], open(out + "/" + lines[0]).read() if lines else None


def cut(image, part, path):
    with open(image, "rb") as f, open(path, "wb") as g:
        f.seek(part[0])
        g.write(f.read(part[1]))


def sha(path):
    return hashlib.sha256(open(path, "rb").read()).hexdigest()


def test_veritysetup(name, *options):
    """The tree and root hash of an image against those of veritysetup over the same data with the same salt."""
    setup = shutil.which("veritysetup", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    out = TMP + "/" + name
    p, parts, line = build(out, "--measured", *options)
    m = LINE.fullmatch(line or "")
    if not tap.ok(p.returncode == 0 and m and len(parts) == 2 and parts[1][0] == sum(parts[0]),
                  name + ": partition 2 lies behind partition 1, one line of parameters", "%s %s %s" % (p.stderr, parts, line)):
        return out
    manifest = json.load(open(out + "/kata.img.manifest.json"))
    want = {"root_hash": m.group(1), "salt": m.group(2), "data_blocks": int(m.group(3)), "data_block_size": 4096,
            "hash_block_size": 4096}
    tap.ok(manifest["verity"] == want and int(m.group(3)) * BLOCK == parts[0][1], name + ": the manifest says the same",
           manifest["verity"])
    if not setup:
        tap.skip(name + ": veritysetup makes the same tree", "veritysetup is not installed")
        return out
    for i, part in enumerate(parts):
        cut(out + "/kata.img", part, "%s/p%d" % (out, i + 1))
    q = subprocess.run([setup, "format", "--no-superblock", "--salt=" + m.group(2), out + "/p1", out + "/tree"],
                       capture_output=True, text=True)
    root = re.search(r"Root hash:\s*([0-9a-f]+)", q.stdout)
    tree, ours = open(out + "/tree", "rb").read(), open(out + "/p2", "rb").read()
    tap.ok(root and root.group(1) == m.group(1) and tree == ours, name + ": veritysetup makes the same tree, byte for byte",
           "%s %s %s: %d and %d bytes" % (q.stdout, q.stderr, line, len(tree), len(ours)))
    q = subprocess.run([setup, "verify", "--no-superblock", "--salt=" + m.group(2), out + "/p1", out + "/p2", m.group(1)],
                       capture_output=True, text=True)
    tap.ok(q.returncode == 0, name + ": veritysetup verifies it", q.stderr)
    return out


def verify(*args):
    return run(OSBUILDER, "verify", *args)


def flip(path, at, bit):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 1 << bit]))


def expected(at, parts):
    """What the message about a change at this byte must hold."""
    for i, (offset, size) in enumerate(parts):
        if offset <= at < offset + size:
            block = (at - offset) // BLOCK
            return "partition %d is damaged: block %d, at byte %d of the file" % (i + 1, block, offset + block * BLOCK)
    return ""  # tables, the nd_pfn block, or a hole: any message that is an error


def test_flips(out, flips):
    """With the manifest every bit of the file counts; without it every bit of both partitions, the tables and the nd_pfn block."""
    image = out + "/kata.img"
    manifest = json.load(open(image + ".manifest.json"))
    parts = [(x["offset"], x["size"]) for x in manifest["partitions"]]
    line = out + "/root_hash_agent.txt"
    size, rng, bad = os.path.getsize(image), random.Random(7), []
    special = [446 + 8, 510, 4096, 4096 + 60, 4096 + 4088, 8191, (2 << 20) + 446 + 12, (2 << 20) + 511]
    spots = [(at, True) for at in special] + [(at, False) for at in special]
    for i in range(flips):
        # one in three in the hash area, which is small
        offset, length = parts[i % 3 == 2]
        spots.append((offset + rng.randrange(length), i % 4 < 2))
    for offset, length in parts:
        # first and last block: the superblock (byte 1024) or the top of the tree; the end of the data or of the leaves
        for at in (0, 1024, 1024 + 56, BLOCK - 1, length - BLOCK, length - 1):
            spots += [(offset + at, True), (offset + at, False)]
    spots += [(rng.randrange(size), True) for _ in range(20)] + [(size - 1, True), (440, True)]
    for at, with_manifest in spots:
        bit = rng.randrange(8)
        flip(image, at, bit)
        if not with_manifest:
            os.rename(image + ".manifest.json", out + "/away")
        p = verify(*([] if with_manifest else ["--root-hash-file", line]), image)
        if not with_manifest:
            os.rename(out + "/away", image + ".manifest.json")
        flip(image, at, bit)
        if p.returncode != 1 or p.stdout or expected(at, parts) not in p.stderr or "kata.img" not in p.stderr:
            bad.append("byte %d bit %d manifest %s: exit %d %s%s" % (at, bit, with_manifest, p.returncode, p.stdout, p.stderr))
    inside = sum(any(offset <= at < offset + n for offset, n in parts) for at, _ in spots)
    tap.ok(not bad and inside >= flips, "%s: %d changed bits anywhere are found, %d in partitions by block"
           % (manifest["filesystem"], len(spots), inside), "\n".join(bad))
    p = verify(image)
    tap.ok(p.returncode == 0 and "verity: ok" in p.stdout, "the image is good again", p.stderr)


def test_verify(out, plain):
    image, line = out + "/kata.img", open(out + "/root_hash_agent.txt").read().strip()
    root = LINE.fullmatch(line + "\n").group(1)
    for args in (["--root-hash", root], ["--root-hash", line], ["--root-hash-file", out + "/root_hash_agent.txt"]):
        p = verify(*args, image)
        tap.ok(p.returncode == 0 and "root hash " + root in p.stdout, "verify %s agrees" % args[0], p.stderr)
    other = ("1" if root[0] == "0" else "0") + root[1:]
    cases = [(1, ["--root-hash", other, image], "partition 2 is damaged: block 0, at byte"),
             (1, ["--root-hash", line.replace(root, other), image], "the given verity parameters are not those of its manifest"),
             (2, ["--root-hash", "12", image], "root_hash has 2 hex digits, not 64"),
             (2, ["--root-hash", "salt=", image], "verity parameters: 'root_hash' is missing"),
             (2, ["--root-hash", root, plain + "/kata.img"], "no manifest says salt and sizes of its hash tree"),
             (1, ["--root-hash", line, plain + "/kata.img"], "is not measured: it has no second partition"),
             (2, ["--root-hash-file", "/nonexistent", image], "/nonexistent"), (1, [TEST_AGENT], "no partition table at byte 0"),
             (2, [], "verify: exactly one file is needed"), (2, ["--x", image], "verify: unknown option '--x'")]
    for status, args, want in cases:
        p = verify(*args)
        tap.ok(p.returncode == status and want in p.stderr and not p.stdout, "verify refuses: " + want, p.stderr + p.stdout)
    os.rename(image + ".manifest.json", out + "/away")
    p = verify(image)
    tap.ok(p.returncode == 2 and "neither a manifest nor --root-hash says its root hash" in p.stderr,
           "a hash partition without a known root hash is not good", p.stderr)
    os.rename(out + "/away", image + ".manifest.json")
    p = verify(plain + "/kata.img")
    tap.ok(p.returncode == 0 and "verity: not measured" in p.stdout and "manifest: ok" in p.stdout,
           "an image that is not measured is compared with its manifest, and verify says so", p.stderr + p.stdout)
    os.unlink(plain + "/kata.img.manifest.json")
    p = verify(plain + "/kata.img")
    tap.ok(p.returncode == 2 and "there is nothing to verify it by" in p.stderr, "nothing to compare with is no success", p.stderr)


def test_options():
    for options, want in ((["--verity-salt", "00"], "a verity salt is for a measured image"),
                          (["--measured", "--verity-salt", "0"], "verity salt '0' is neither"),
                          (["--measured", "--verity-salt", "00" * 257], "is neither 1 to 256 bytes in hex"),
                          (["--measured", "--variant", "../x"], "'../x' cannot be part of a file name"),
                          (["--measured", "--align-mib", "3"], "image alignment of 3145728 bytes is no multiple of 2097152"),
                          (["--align-mib", "0"], "--align-mib '0' is not a number of MiB from 1 to 65536"),
                          (["--free-mib", "-1"], "--free-mib '-1' is not a number of MiB from 0 to 65536")):
        p, _, _ = build(TMP + "/refused", *options)
        tap.ok(p.returncode == 1 and want in p.stderr and not os.listdir(TMP + "/refused"), "build refuses: " + want, p.stderr)
    p, parts, _ = build(TMP + "/free", "--free-mib", "8", "--align-mib", "16", "--no-dax")
    tap.ok(p.returncode == 0 and parts[0][0] == 1 << 20 and parts[0][1] > 8 << 20
           and os.path.getsize(TMP + "/free/kata.img") == 16 << 20, "--free-mib, --align-mib and --no-dax", "%s %s" % (p.stderr, parts))


def main():
    ext4 = test_veritysetup("ext4", "--align-mib", "2")
    erofs = test_veritysetup("erofs", "--fs", "erofs", "--align-mib", "2")
    test_veritysetup("no-dax", "--no-dax", "--verity-salt", "0011223344556677", "--variant", "confidential")
    tap.ok(os.path.exists(TMP + "/no-dax/root_hash_confidential.txt"), "--variant names the root hash file")
    test_veritysetup("no-salt", "--verity-salt", "-", "--align-mib", "2")
    build(TMP + "/again", "--measured", "--align-mib", "2")
    same = [n for n in os.listdir(TMP + "/again") if sha(TMP + "/again/" + n) == sha(ext4 + "/" + n)]
    want = ["kata.img", "kata.img.manifest.json", "kata.img.spdx.json", "root_hash_agent.txt"]
    tap.ok(sorted(same) == want, "a second build gives the same image, manifest, bill of materials and root hash", same)
    build(TMP + "/plain", "--align-mib", "2")
    tap.ok(sorted(os.listdir(TMP + "/plain")) == want[:3], "without --measured there is no root hash file")
    test_flips(ext4, FLIPS)
    test_flips(erofs, FLIPS // 4)
    test_verify(ext4, TMP + "/plain")
    test_options()
    tap.end()


TMP = tempfile.mkdtemp(prefix="image_measured-", dir="/var/tmp")
try:
    os.chmod(TMP, 0o777)
    # the build tree may lie where other users cannot look
    OSBUILDER, TEST_AGENT = shutil.copy(BIN + "/osbuilder", TMP), shutil.copy(AGENT, TMP + "/kata-agent")
    for name in (OSBUILDER, TEST_AGENT):
        os.chmod(name, 0o755)
    os.umask(0o022)
    main()
finally:
    shutil.rmtree(TMP, ignore_errors=True)
