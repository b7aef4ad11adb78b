#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The recipe debian with systemd as PID 1 and the agent as its service, booted under QEMU (TCG) until the agent serves.

A probe service, laid over the root as guest hooks are, looks around in the guest, prints what it finds and switches the guest off. The
Debian packages come from the cache or a mirror; without either the test is skipped.
Environment: KATA_KERNEL_DIR (vmlinux), KATA_AGENT (the static agent), KATA_BIN (osbuilder).
"""

import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cases import Skip, case, finish, run, scratch_dir  # noqa: E402

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
OSBUILDER = os.path.abspath(os.path.join(os.environ.get("KATA_BIN", "build/host/bin"), "osbuilder"))
AGENT = os.path.abspath(os.environ.get("KATA_AGENT", "build/guest/bin/kata-agent"))
KERNEL = os.path.join(os.environ.get("KATA_KERNEL_DIR", "build/kernel/x86_64"), "vmlinux")
QEMU = shutil.which("qemu-system-x86_64")
TIMEOUT = int(os.environ.get("KATA_TEST_TIMEOUT", "240"))
APPEND = ("console=ttyS0 panic=-1 no_timer_check ro systemd.unit=kata-containers.target systemd.mask=systemd-networkd.service "
          "systemd.mask=systemd-networkd.socket systemd.show_status=false systemd.log_target=kmsg "
          "agent.server_addr=unix:///run/agent.sock quiet ")
TMP = scratch_dir("boot_systemd")

PROBE_UNIT = """[Unit]
After=kata-agent.service
[Service]
Type=simple
ExecStart=/bin/sh /probe.sh
StandardOutput=tty
"""
PROBE = """
i=0
until [ -S /run/agent.sock ] && systemctl -q is-active kata-containers.target || [ $i = 60 ]; do sleep 0.5; i=$((i + 1)); done
echo "PROBE pid1 $(cat /proc/1/comm)"
echo "PROBE agent $(pgrep -x kata-agent | wc -l) parent $(ps -o ppid= -p $(pgrep -x kata-agent) | tr -d ' ')"
echo "PROBE limit $(grep 'open files' /proc/$(pgrep -x kata-agent)/limits | tr -s ' ')"
echo "PROBE oom $(cat /proc/$(pgrep -x kata-agent)/oom_score_adj)"
echo "PROBE socket $([ -S /run/agent.sock ] && echo yes)"
echo "PROBE target $(systemctl is-active kata-containers.target kata-agent.service tmp.mount basic.target dbus.socket | tr '\\n' ' ')"
echo "PROBE failed $(systemctl list-units --failed --plain --no-legend | cut -d ' ' -f 1 | tr '\\n' ' ')"
echo "PROBE tmp $(stat -f -c %T /tmp) $(stat -c %a /tmp)"
echo "PROBE run $(stat -f -c '%T %b %S' /run) $(grep MemTotal /proc/meminfo | tr -dc 0-9)"
echo "PROBE ids $(id -u _chrony) $(id -gn messagebus) $(getent group systemd-journal | cut -d : -f 1)"
echo "PROBE iptables $(iptables -S 2>&1 | head -n 1)"
echo "PROBE dbus $(dbus-send --system --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.GetId 2>&1 | head -n 1 | cut -d ' ' -f 1-2)"
echo "PROBE end"
systemctl --force poweroff
"""


def build(out, *extra):
    hooks = os.path.join(TMP, "hooks")
    if not os.path.exists(hooks):
        wants = f"{hooks}/etc/systemd/system/kata-containers.target.wants"
        os.makedirs(wants)
        os.symlink("/etc/systemd/system/probe.service", f"{wants}/probe.service")
        with open(f"{hooks}/etc/systemd/system/probe.service", "w", encoding="ascii") as f:
            f.write(PROBE_UNIT)
        with open(f"{hooks}/probe.sh", "w", encoding="ascii") as f:
            f.write(PROBE)
    return run(OSBUILDER, "build", "--recipe", "debian", "--arch", "x86_64", "--agent", AGENT, "--agent-init", "no", "--hooks", hooks,
               "--no-dax", *extra, *out, ok=False, cwd=ROOT)


def boot(*args, append=""):
    cmd = [QEMU, "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", "768", "-M", "q35", "-nodefaults", "-no-reboot", "-display", "none",
           "-serial", "stdio", "-kernel", KERNEL, *args, "-append", APPEND + append]
    try:
        p = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT, check=False)
        return p.stdout.decode(errors="replace").replace("\r", "")
    except subprocess.TimeoutExpired as e:
        return (e.stdout or b"").decode(errors="replace").replace("\r", "") + "\n[timed out]"


def probes(log):
    return dict(re.findall(r"PROBE (\S+) ?(.*)", log))


def check(log, want):
    found = probes(log)
    bad = [f"{k}: want '{v}', have '{found.get(k)}'" for k, v in want.items() if not re.fullmatch(v, (found.get(k) or "").strip())]
    assert not bad and "end" in found, "\n".join(bad + log.splitlines()[-40:])


def run_share(log):
    """How much of the guest's memory its /run may take: by statfs(2), since tmpfs does not print a size that is its default."""
    kind, blocks, block_size, memory_kib = probes(log).get("run", "none 0 0 1").split()
    assert kind == "tmpfs", log
    return int(blocks) * int(block_size) / (int(memory_kib) * 1024)


# The unit asks for 2^30 descriptors and gets what fs.nr_open allows.
READY = {
    "pid1": "systemd", "agent": "1 parent 1", "limit": r"Max open files \d{7,} \d{7,} files", "oom": "-997", "socket": "yes",
    "target": "active active active active active", "failed": "", "tmp": "tmpfs 1777",
    "ids": r"9\d\d messagebus systemd-journal", "iptables": "-P INPUT ACCEPT", "dbus": "method return",
}


def image(name, *extra):
    path = os.path.join(TMP, name)
    p = build(["--image", path], *extra)
    if p.returncode and re.search(r"cannot be fetched|Could not|Failed to fetch|apt", p.stderr):
        raise Skip("no Debian packages: " + p.stderr.strip().splitlines()[-1][:200])
    assert p.returncode == 0, p.stderr
    return ["-drive", f"if=none,format=raw,readonly=on,id=a,file={path}", "-device", "virtio-blk-pci,drive=a"]


def main():
    why = next((w for w in (OSBUILDER, AGENT, KERNEL) if not os.path.exists(w)), None if QEMU else "qemu-system-x86_64")

    @case("systemd is PID 1, the agent serves: ext4 image")
    def _():
        if why:
            raise Skip(f"no {why}")
        log = boot(*image("e.img"), append="root=/dev/vda1 rootfstype=ext4")
        check(log, READY)
        assert 0.15 < run_share(log) < 0.25, run_share(log)  # systemd's own mount has a fifth

    @case("systemd is PID 1, the agent serves: erofs image, a confidential guest")
    def _():
        if why:
            raise Skip(f"no {why}")
        log = boot(*image("r.img", "--fs", "erofs", "--confidential"), append="root=/dev/vda1 rootfstype=erofs")
        check(log, READY)
        assert 0.49 < run_share(log) < 0.51, run_share(log)

    @case("systemd is PID 1, the agent serves: initrd")
    def _():
        if why:
            raise Skip(f"no {why}")
        path = os.path.join(TMP, "n.img")
        p = build(["--initrd", path])
        if p.returncode and re.search(r"cannot be fetched|Could not|Failed to fetch|apt", p.stderr):
            raise Skip("no Debian packages: " + p.stderr.strip().splitlines()[-1][:200])
        assert p.returncode == 0, p.stderr
        check(boot("-initrd", path, append="rdinit=/init"), READY)



if __name__ == "__main__":
    main()
    finish()
