#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Variations of config.json under runk, crun and runc: what the process sees from inside must be what one of the others shows.

Each variation changes the config.json that `runk spec` writes. The same probe runs in each and prints all that a container can see of
its set-up; what differs by nature (inode numbers, ids of mounts) is replaced. Where crun and runc differ among themselves, runk must agree
with one of them. `runk_table.py NAME...` runs only the variations whose name begins with one of these, and shows what was seen.
"""

import copy
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import Skip, case, tool  # noqa: E402
from runk import RUNK, finish, hide_hybrid_cgroups, make_rootfs, need_root  # noqa: E402
from runk_variations import variations  # noqa: E402

PROBE = r"""
echo "== id"; id; umask; pwd; env | sort
echo "== status"; grep -E '^(Cap|NoNewPrivs|Seccomp:|Groups|Uid|Gid|SigBlk|Cpus_allowed_list)' /proc/self/status
echo "== limits"; cat /proc/self/limits
echo "== misc"; cat /proc/self/oom_score_adj; cat /proc/self/personality; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups
cat /proc/self/timens_offsets; cut -d' ' -f18,19,40,41 /proc/self/stat; hostname; cat /proc/sys/kernel/domainname; uname -m
echo "== ns"; for n in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$n; done
echo "== mounts"; cat /proc/self/mountinfo
echo "== dev"; ls -ln /dev /dev/pts /dev/shm 2>&1 | sed 's/  */ /g'
echo "== fd"; ls -l /proc/self/fd 2>/dev/null | wc -l
echo "== paths"; for p in /proc/kcore /proc/sys/kernel/hostname /sys/firmware /proc/timer_list; do test -w $p && echo w $p; ls -A $p 2>&1 | wc -l; done
echo "== write"; touch /probe-@NAME@ 2>&1 && rm /probe-@NAME@; touch /tmp/probe-@NAME@ 2>&1 && rm /tmp/probe-@NAME@
"""
HOST_NS = {n: os.readlink("/proc/self/ns/" + n) for n in ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")}


class Runtime:
    def __init__(self, program, flags, base):
        self.program, self.flags = program, flags
        self.name = os.path.basename(program)
        self.dir = os.path.join(base, self.name)
        os.makedirs(self.dir)
        self.rootfs = make_rootfs(self.dir + "/rootfs")
        self.stdin = open(self.dir + "/stdin", "w+")  # not /dev/null: crun gives the host's to the container's user
        os.symlink("/tmp", self.rootfs + "/link")
        os.makedirs(self.rootfs + "/full/sub")
        with open(self.rootfs + "/full/sub/file", "w") as f:
            f.write("text\n")
        os.makedirs(self.dir + "/host/sub")
        with open(self.dir + "/host/file", "w") as f:
            f.write("root:x:0:0:host:/root:/bin/sh\n")

    def run(self, name, config):
        """(exit code, what was seen), or ("failed", "") when there was no container."""
        bundle, state = f"{self.dir}/{name}", f"{self.dir}/state-{name}"
        os.makedirs(bundle)
        # Two variations at once share the root.
        text = json.dumps(config).replace("@NAME@", name).replace("@ROOTFS@", self.rootfs).replace("@HOST@", self.dir + "/host").replace("@BUNDLE@", bundle)
        with open(bundle + "/config.json", "w") as f:
            f.write(text)
        p = subprocess.run([self.program, "--root", state, *self.flags, "run", "-b", bundle, f"{self.name}-{name}"],
                           stdin=self.stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                           timeout=60, check=False)
        extra = ""
        if os.path.exists(bundle + "/hooks"):
            with open(bundle + "/hooks") as f:
                extra = f.read()
        left = os.listdir(state) if os.path.isdir(state) else []
        if left:
            extra += "left in the state\n"
            subprocess.run([self.program, "--root", state, "delete", "-f", left[0]], capture_output=True, check=False)
        shutil.rmtree(bundle)
        shutil.rmtree(state, ignore_errors=True)
        if "== id" not in p.stdout and p.stderr and p.returncode:
            return "failed", extra
        return p.returncode, self.normal(p.stdout) + extra

    def normal(self, text):
        out, section, mounts = [], "", []
        for line in text.replace(self.dir, "@DIR@").splitlines():
            if line.startswith("== "):
                section = line
            if section == "== ns" and ":[" in line:
                kind = line.split(":")[0]
                line = f"{kind} {'host' if line == HOST_NS[kind] else 'own'}"
            if section == "== mounts" and line[:1].isdigit():
                mounts.append(self.mount(line))
                continue
            if section == "== dev" and line.endswith(" core -> /proc/kcore"):
                continue  # crun makes it where there is no such file, too
            if section == "== dev":
                line = re.sub(r" 0 65534 (.*mqueue)$", r" 0 0 \1", line)  # runc makes it before it has a group
                line = re.sub(r"( \d+)? [A-Z][a-z]{2} +\d+ +[\d:]+ ", r"\1 " if line[:1] in "bc" else " ", re.sub(r"^total.*", "total", line))
                line = re.sub(r"^([dlcbps-][rwxstST-]{9}) \d+", r"\1", line)
            if line and not line.startswith("HOSTNAME="):
                out.append(line)
        # Those of one run are in order of their making, which is each runtime's own affair.
        return "\n".join(out + sorted(m for m in mounts if m)) + "\n"

    @staticmethod
    def mount(line):
        left, right = line.split(" - ")
        f = left.split()
        tags = sorted({t.split(":")[0] for t in f[6:]})
        fstype, _, sb = right.split()[:3]
        if f[4].startswith("/sys/fs/cgroup"):
            return ""  # versions and mixtures are each runtime's own affair
        # Hidden, by whichever means.
        if f[4].startswith(("/proc/", "/sys/", "/etc/", "/full")) and (f[3] == "/null" or (fstype == "tmpfs" and "ro" in f[5].split(","))):
            return f[4] + " hidden"
        keep = [o for o in sb.split(",") if re.match(r"(size|mode|gid|uid|ptmxmode|hidepid|ro|rw|sync|dirsync|lazytime)(=|$)", o)]
        keep = [] if f[4] == "/" or "@DIR@" in f[3] or fstype not in ("tmpfs", "devpts", "proc") else keep
        # An empty directory by which a path is hidden: how large it might be is nothing that is seen.
        keep = [o for o in keep if "ro" not in f[5].split(",") or not o.startswith("size=0")]
        return " ".join([f[4], ",".join(sorted(f[5].split(","))), ",".join(tags), fstype, ",".join(sorted(keep))])




def compare(results):
    return results["runk"] in (results["crun"], results["runc"])


def main():
    need_root()
    hide_hybrid_cgroups()
    base = tempfile.mkdtemp(prefix="table-", dir="/tmp")
    os.chmod(base, 0o711)
    spec = subprocess.run([RUNK, "spec", "-b", base], check=False)
    assert spec.returncode == 0
    with open(base + "/config.json") as f:
        config = json.load(f)
    config["root"] = {"path": "@ROOTFS@", "readonly": False}
    config["process"]["terminal"] = False
    config["process"]["args"] = ["sh", "-c", PROBE]
    runtimes = [Runtime(RUNK, [], base), Runtime(tool("crun"), [], base),
                Runtime(tool("runc"), [], base)]
    wanted = sys.argv[1:]
    agree = seen = 0

    def one(variation):
        name, change = variation
        c = copy.deepcopy(config)
        change(c)
        return name, {r.name: r.run(name, c) for r in runtimes}

    todo = [v for v in variations if not wanted or v[0].startswith(tuple(wanted))]
    with ThreadPoolExecutor(2) as pool:
        for name, results in pool.map(one, todo):
            @case(name)
            def _():
                nonlocal agree, seen
                seen += 1
                agree += results["crun"] == results["runc"]
                if wanted:
                    for r, (code, text) in results.items():
                        print(f"# {r}: {code}\n" + "".join("#   " + x + "\n" for x in text.splitlines()))
                if compare(results):
                    return
                why = []
                for other in ("crun", "runc"):
                    a, b = (f"exit {r[0]}\n{r[1]}".splitlines() for r in (results[other], results["runk"]))
                    why += list(difflib.unified_diff(a, b, other, "runk", lineterm="", n=0))
                raise AssertionError("\n".join(why))
    print(f"# {seen} variations, {agree} in which crun and runc agree")
    shutil.rmtree(base, ignore_errors=True)


try:
    main()
except Skip as e:
    @case("runk, crun and runc")
    def _():
        raise Skip(str(e))
sys.exit(finish())
