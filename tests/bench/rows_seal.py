# SPDX-License-Identifier: Apache-2.0
"""Rows about what is made on top of a file system: hash tree, manifest, bill of materials; the smallest image; memory of a large one."""

import os
import re
import subprocess

from input import copy_to
from pairs import CPU, WALL, Cmd, Skip, need, row
from rows_writers import CACHE, OSB, SALT, inputs, pack

BIN = os.path.dirname(OSB)
AGENT = os.path.abspath(os.environ.get("KATA_AGENT", "build/guest/bin/kata-agent"))
RECIPES = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "recipes"))
EPOCH = "1700000000"


def tar_recipe(b):
    """The input as a recipe, with the agent as its init."""
    tar, _ = copy_to(b.dir, CACHE)
    if not os.path.exists(AGENT):
        raise Skip(f"{AGENT} is not built")
    d = b.path("recipe")
    os.makedirs(d, exist_ok=True)
    if not os.path.exists(f"{d}/root.tar"):
        os.link(tar, f"{d}/root.tar")
    with open(f"{d}/recipe.toml", "w", encoding="utf-8") as f:
        f.write('format = 1\nname = "bench"\nprune = ["/sbin/init"]\n[agent]\npath = "/usr/bin/kata-agent"\nlink = "/usr/sbin/init"\n'
                '[[source]]\ntype = "tar"\npath = "root.tar"\n')
    return d


def build(recipe, out, extra=""):
    outputs = [out, f"{out}.manifest.json", f"{out}.spdx.json", "root_hash_bench.txt", "root_hash_agent.txt"]
    force = " --force" if "--force" in subprocess.run([OSB, "build", "--help"], capture_output=True, text=True, check=True).stdout else ""
    return Cmd(f"{OSB} build --recipe {recipe} --agent {AGENT} --source-date-epoch {EPOCH}{force} --image {out}{extra}", *outputs)


@row("verity tree")
def _(b):
    name = "verity tree"
    inputs(b)
    need("veritysetup")
    prog = os.path.join(BIN, "verity-format")
    if not os.path.exists(prog):
        raise Skip(f"{prog} is not built")
    pack("ext4", "root.tar", "data.ext4").run(b.dir)
    ours = Cmd(f"{prog} data.ext4 {SALT}")
    theirs = Cmd(f"veritysetup format --no-superblock --salt={SALT} data.ext4 hash.img", "hash.img")
    b.interleave(ours, theirs)
    b.ratio(name, ours, theirs, WALL, 0.25, "veritysetup format")
    b.ratio(name, ours, theirs, CPU, 0.5, "veritysetup format")
    b.show(ours, theirs)
    root = subprocess.run(ours.line, shell=True, cwd=b.dir, capture_output=True, text=True, check=True).stdout.strip()
    said = subprocess.run(theirs.line, shell=True, cwd=b.dir, capture_output=True, text=True, check=True).stdout
    if re.search(r"Root hash:\s*(\w+)", said).group(1) != root:
        raise RuntimeError(f"root hash {root}, veritysetup:\n{said}")


@row("image with a verity tree")
def _(b):
    """A whole image with manifest and bill of materials, with and without the hash tree."""
    name = "image with a verity tree"
    recipe = tar_recipe(b)
    plain, measured = build(recipe, "plain.img"), build(recipe, "measured.img", " --measured")
    b.interleave(measured, plain)
    b.extra(name, measured, plain, 0.06)
    b.ratio(name, measured, plain, CPU, None, "without --measured")
    b.show(measured, plain)


@row("agent image")
def _(b):
    name = "agent image"
    if not os.path.exists(AGENT):
        raise Skip(f"{AGENT} is not built")
    ours = build("agent", "agent.img", f" --measured --recipes {RECIPES}")
    b.interleave(ours)
    b.verdict(name, f"image, verity, manifest, SBOM: wall {ours.median(WALL):.4f} s, cpu {ours.median(CPU):.4f} s, target wall 0.015 s",
              ours.median(WALL) <= 0.015)
    b.size(name, os.stat(b.path("agent.img")).st_blocks * 512, 3500000, "allocated")
    b.show(ours)


@row("memory of a 2 GB root")
def _(b):
    name = "memory of a 2 GB root"
    _, root = copy_to(b.dir, CACHE)
    big = b.path("big.tar")
    for i in range(13):
        subprocess.run(["tar", "-C", root, "--transform", f"s,^\\.,./copy{i},S", "-rf", big, "."], check=True, capture_output=True)
    for fmt in ("ext4", "erofs"):
        ours = pack(fmt, "big.tar", f"big.{fmt}")
        ours.run(b.dir)
        b.peak(name, ours, 256)
        print(f"    {os.path.getsize(big)} bytes of tar, {os.path.getsize(b.path(f'big.{fmt}'))} of {fmt}")
        b.show(ours)
        os.unlink(b.path(f"big.{fmt}"))
    os.unlink(big)
