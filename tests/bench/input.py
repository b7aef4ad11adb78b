# SPDX-License-Identifier: Apache-2.0
"""The input of the benchmark, made once and kept in the cache: a Debian 12 root of 125 packages (minbase, systemd, iptables, chrony, kmod,
libseccomp2) as mmdebstrap makes it, a tar file of 158 MB."""

import os
import shutil
import subprocess

from pairs import Skip, need

PACKAGES = "systemd,iptables,chrony,kmod,libseccomp2,usr-is-merged"
# Without the hook mmdebstrap installs usrmerge, and with it all of perl.
HOOK = "/usr/share/mmdebstrap/hooks/merged-usr"
COMMAND = ("mmdebstrap --quiet --variant=minbase --hook-dir={hook} --include={packages} "
           "--aptopt='Apt::Install-Recommends \"false\"' bookworm {out} {mirror}")


def debian_root(cache):
    """The path of the tar file."""
    path = os.path.join(cache, "bench", "debian-root.tar")
    if os.path.exists(path):
        return path
    need("mmdebstrap")
    if not os.path.isdir(HOOK):
        raise Skip(f"{HOOK} is missing")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    tmp = f"{path}.tmp-{os.getpid()}.tar"
    line = COMMAND.format(hook=HOOK, packages=PACKAGES, out=tmp, mirror=os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian"))
    print(f"making the input: {line}", flush=True)
    p = subprocess.run(line, shell=True, env=dict(os.environ, SOURCE_DATE_EPOCH="1700000000"), stdin=subprocess.DEVNULL,
                       capture_output=True, text=True, check=False)
    if p.returncode:
        if os.path.exists(tmp):
            os.unlink(tmp)
        raise Skip(f"no Debian root could be made: {(p.stderr.strip().splitlines() or ['mmdebstrap failed'])[-1]}")
    os.rename(tmp, path)
    return path


def copy_to(workdir, cache):
    """root.tar and, unpacked with owners and attributes where that is allowed, root/ in the work directory."""
    src = debian_root(cache)
    tar, root = os.path.join(workdir, "root.tar"), os.path.join(workdir, "root")
    if not os.path.exists(tar):
        shutil.copyfile(src, tar)
    if not os.path.exists(root):
        os.mkdir(root)
        devices = [] if os.geteuid() == 0 else ["--exclude=./dev/*"]
        subprocess.run(["tar", "-C", root, "--xattrs", "--xattrs-include=*", *devices, "-xf", tar], check=True, capture_output=True)
    return tar, root
