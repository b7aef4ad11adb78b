# SPDX-License-Identifier: Apache-2.0
"""Rows about the way from locked packages to a measured image: 125 Debian packages, see packages/recipe.toml. Packages, the repository
that mmdebstrap reads and all outputs lie in the work directory, so nobody waits for a network or a disk."""

import hashlib
import os
import re
import shutil
import statistics
import subprocess

from input import HOOK, PACKAGES
from pairs import CPU, WALL, Cmd, Skip, need, row

OSB = os.path.abspath(os.path.join(os.environ.get("KATA_BIN", "build/host/bin"), "osbuilder"))
AGENT = os.path.abspath(os.environ.get("KATA_AGENT", "build/guest/bin/kata-agent"))
CACHE = os.path.abspath(os.environ.get("OSBUILDER_CACHE", "build/cache"))
RECIPE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "packages")
SALT = "6b617461" * 8
SIDECARS = ("", ".manifest.json", ".spdx.json")
# The size that the hash tree and a root of this kind need; the default of 128 MiB would be one hole.
BUILD = (f"{OSB} build --quiet --recipe ./recipe --agent {AGENT} --arch x86_64 --cache cache --locked --image ours.img --measured "
         "--align-mib 2")
OURS = tuple(f"ours.img{s}" for s in SIDECARS)


def sh(*argv):
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if p.returncode:
        raise Skip(f"{' '.join(argv[:3])}: {(p.stderr.strip().splitlines() or ['failed'])[-1]}")
    return p.stdout


def make_repository(b, debs):
    """What mmdebstrap reads: a flat repository of just these packages."""
    os.makedirs(b.path("repo"))
    text = ""
    for path in debs:
        digest = os.path.basename(path)
        name = f"{digest}.deb"
        os.link(path, b.path(f"repo/{name}"))
        text += sh("dpkg-deb", "-f", path).rstrip() + f"\nFilename: ./{name}\nSize: {os.path.getsize(path)}\nSHA256: {digest}\n\n"
    with open(b.path("repo/Packages"), "w", encoding="utf-8") as f:
        f.write(text)
    size, digest = len(text.encode()), hashlib.sha256(text.encode()).hexdigest()
    with open(b.path("repo/Release"), "w", encoding="utf-8") as f:
        f.write(f"Suite: bookworm\nCodename: bookworm\nArchitectures: amd64\nSHA256:\n {digest} {size} Packages\n")


def inputs(b):
    """Recipe, lock file, packages under cache/, their data members under xz/, the repository. Once."""
    if os.path.exists(b.path("repo")):
        return
    need("xz", "ar", "dpkg-deb")
    shutil.copytree(RECIPE, b.path("recipe"))
    os.mkdir(b.path("recipe/overlay"))
    sh(OSB, "lock", "--recipe", b.path("recipe"), "--arch", "x86_64", "--cache", CACHE, "--quiet")
    sh(OSB, "build", "--quiet", "--recipe", b.path("recipe"), "--agent", AGENT, "--arch", "x86_64", "--cache", CACHE,
       "--tar", b.path("fetch.tar"))
    os.unlink(b.path("fetch.tar"))
    with open(b.path("recipe/lock-x86_64.toml"), encoding="utf-8") as f:
        digests = re.findall(r'sha256 = "(\w{64})"', f.read())
    debs = []
    os.mkdir(b.path("xz"))
    for d in digests:
        debs.append(b.path(f"cache/sha256/{d[:2]}/{d}"))
        os.makedirs(os.path.dirname(debs[-1]), exist_ok=True)
        # what the cache has only unpacked would have to be fetched
        if not os.path.exists(f"{CACHE}/sha256/{d[:2]}/{d}"):
            raise Skip(f"the cache {CACHE} has no package file {d}: remove its directory unpacked/ and try again")
        shutil.copyfile(f"{CACHE}/sha256/{d[:2]}/{d}", debs[-1])
        members = sh("ar", "t", debs[-1]).split()
        data = next(m for m in members if m.startswith("data.tar"))
        if data != "data.tar.xz":
            raise Skip(f"{d}: {data} is not compressed by xz")
        with open(b.path(f"xz/{d}.xz"), "wb") as f:
            subprocess.run(["ar", "p", debs[-1], data], stdout=f, check=True)
    make_repository(b, debs)


def chain(variant, extra, what):
    """From the same packages to a file system and a hash tree by other programs."""
    line = (f"mmdebstrap --quiet --variant={variant} {extra} --aptopt='Apt::Install-Recommends \"false\"' bookworm {what}.tar "
            f"\"deb [trusted=yes] copy:$PWD/repo ./\" && genext2fs -a {what}.tar -B 4096 -b 60000 -N 12000 {what}.img && "
            f"veritysetup format --salt={SALT} {what}.img {what}.hash")
    return Cmd(line, f"{what}.tar", f"{what}.img", f"{what}.hash")


def forget(b, *names):
    for name in names:
        shutil.rmtree(b.path(f"cache/{name}"), ignore_errors=True)


def absolute(b, name, cmd, target):
    got = statistics.median(r[WALL] for r in cmd.runs)
    b.verdict(name, f"wall {got:7.3f} s (cpu {cmd.median(CPU):.3f} s), target {target} s", got <= target)


@row("locked packages to a measured ext4 image")
def _(b):
    name = "locked packages to a measured ext4 image"
    inputs(b)
    ours = Cmd(BUILD, *OURS, before=lambda: forget(b, "unpacked", "builds"))
    # batches, the largest files first and in turn: one program a file takes longer, one for all has one processor
    xz = Cmd("ls -S xz/*.xz | xargs -P2 -n16 xz -dc > /dev/null")
    b.interleave(ours, xz)
    b.ratio(name, ours, xz, WALL, 1.2, "xz -dc of the same on two processors")
    b.ratio(name, ours, xz, CPU, None, "xz -dc of the same on two processors")
    b.peak(name, ours, 96 + max(os.path.getsize(os.path.join(t, n)) for t, _, ns in os.walk(b.path("repo")) for n in ns) // (1 << 20))
    b.show(ours, xz)


@row("locked packages, against mmdebstrap")
def _(b):
    name = "locked packages, against mmdebstrap"
    inputs(b)
    need("mmdebstrap", "genext2fs", "veritysetup")
    with open(b.path("repo/Packages"), encoding="utf-8") as f:
        names = ",".join(re.findall(r"^Package: (\S+)", f.read(), re.M))
    ours = Cmd(BUILD, *OURS, before=lambda: forget(b, "unpacked", "builds"))
    extract = chain("extract", f"--include={names}", "extract")
    minbase = chain("minbase", f"--hook-dir={HOOK} --include={PACKAGES}", "minbase")
    b.interleave(ours, extract, minbase, warmup=False)
    b.ratio(name, ours, extract, WALL, 0.333, "mmdebstrap --variant=extract, genext2fs, veritysetup")
    b.ratio(name, ours, extract, CPU, None, "mmdebstrap --variant=extract, genext2fs, veritysetup")
    b.ratio(name, ours, minbase, WALL, 0.125, "mmdebstrap minbase, genext2fs, veritysetup")
    b.ratio(name, ours, minbase, CPU, None, "mmdebstrap minbase, genext2fs, veritysetup")
    print("    (mmdebstrap runs the packages' scripts for minbase, not for extract; the index holds just these packages; genext2fs and")
    print("    veritysetup stand for upstream's builder, which needs loop devices)")
    b.show(ours, extract, minbase)


@row("unpacked packages cached, one file changed")
def _(b):
    name = "unpacked packages cached, one file changed"
    inputs(b)
    n = [0]

    def change():
        n[0] += 1
        with open(b.path("recipe/overlay/changed"), "w", encoding="utf-8") as f:
            f.write(f"{n[0]}\n")
    ours = Cmd(BUILD, before=change)
    b.interleave(ours)
    absolute(b, name, ours, 0.25)
    b.show(ours)


@row("nothing changed")
def _(b):
    inputs(b)
    ours = Cmd(BUILD)
    b.interleave(ours)
    absolute(b, "nothing changed", ours, 0.05)
    b.show(ours)


@row("the agent recipe")
def _(b):
    name = "the agent recipe"
    outputs = tuple(f"agent.img{s}" for s in SIDECARS)
    ours = Cmd(f"{OSB} build --quiet --recipe agent --recipes {os.path.abspath('recipes')} --agent {AGENT} --arch x86_64 --cache cache "
               "--image agent.img --measured --force", *outputs)
    b.interleave(ours)
    absolute(b, name, ours, 0.015)
    b.size(name, os.stat(b.path("agent.img")).st_blocks * 512, 3500000, "allocated")
    b.show(ours)
