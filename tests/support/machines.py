# SPDX-License-Identifier: Apache-2.0
"""QEMU machines of each architecture for boot tests of guest kernels, and the self-check of a kernel in one of them.

The self-check (kernel/selfcheck) is PID 1 of an initrd made here; what it wants plugged in while it runs is plugged over QMP.
"""

import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time

from initrd import cpio

MIB = 1 << 20
TIMEOUT = 400
BAD_LOG = re.compile(r"WARNING:|BUG:|Oops|Call Trace|general protection|[Ss]elf-?test.*[Ff]ail|Unable to handle kernel|Internal error:")
# What boots print that is no fault of the kernel, each with its reason.
LOG_IS_FINE = (
    # The emulator's processors have flaws of real ones that it cannot hide.
    "Spectre V2 : WARNING: Unprivileged eBPF",
)


def tsc_khz():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        found = re.search(r"^cpu MHz\s*:\s*([0-9.]+)", f.read(), re.M)
    return int(float(found.group(1)) * 1000) if found else 0


# A busy host stops its guest for long, which is no fault of the guest's kernel.
PATIENCE = "rcupdate.rcu_cpu_stall_timeout=300"


class Machine:
    """How QEMU is called for it. bus: how virtio devices are named there. absent: features whose check has nothing to use there;
    plug: what can be added while the guest runs."""

    def __init__(self, arch, name, machine, bus, console, append="", more=(), absent="", plug="", cpu="max", suffix=""):
        self.arch, self.name, self.machine, self.bus, self.console = arch, name, machine, bus, console
        self.append, self.more, self.cpu, self.suffix = append, list(more), cpu, suffix
        self.absent, self.plug = set(absent.split()), plug.split()

    def qemu(self):
        name = {"ppc64le": "ppc64"}.get(self.arch, self.arch)
        return shutil.which("qemu-system-" + name)

    def args(self, kernel, initrd, append, memory="512M"):
        serial = ["-serial", "stdio"]
        if self.arch == "s390x":
            serial = ["-chardev", "stdio,id=con", "-device", "sclpconsole,chardev=con"]
        return [self.qemu(), "-accel", "tcg", *(["-cpu", self.cpu] if self.cpu else []), "-m", memory, "-M", self.machine, "-nodefaults", "-no-user-config",
                "-no-reboot", "-display", "none", *serial, *self.more, "-kernel", kernel, "-initrd", initrd,
                "-append", "console=%s panic=-1 %s %s %s" % (self.console, PATIENCE, self.append, append)]

    def device(self, name, options=""):
        return ["-device", "%s-%s%s" % (name, self.bus, options and "," + options)]


# Of the agent in a guest in which its own tests (test_agent_local) run.
AGENT_TEST_PARAMS = ("agent.server_addr=unix:///run/agent.sock agent.hotplug_timeout=1 agent.log=debug agent.log_vport=1025 "
                     "agent.debug_console agent.debug_console_vport=1026")
CLOCKS = "tsc_early_khz=%d lapic_timer_khz=1000000 no_timer_check earlyprintk=ttyS0" % tsc_khz()
# The second half of vfio's row: a machine with an IOMMU that also serves the other devices.
X86_ABSENT = "ptp hvc-console"
MACHINES = (
    Machine("x86_64", "q35", "q35", "pci", "ttyS0", CLOCKS + " selfcheck.vfio=0000:00:1e.0",
            ["-device", "pcie-root-port,id=hot", "-device", "pvpanic", "-device", "virtio-iommu-pci,addr=1d.0",
             "-device", "virtio-rng-pci,addr=1e.0"],
            X86_ABSENT + " virtio-mmio", "cpu memory pci virtio-mem pmem"),
    Machine("x86_64", "pc", "pc", "pci", "ttyS0", CLOCKS, ["-device", "pvpanic"],
            X86_ABSENT + " virtio-mmio virtio-iommu vfio", "cpu memory pci virtio-mem pmem"),
    Machine("x86_64", "microvm", "microvm", "device", "ttyS0", CLOCKS, ["-global", "virtio-mmio.force-legacy=false"],
            X86_ABSENT + " pci virtio-iommu vfio dmi pvpanic cpu-hotplug memory-hotplug pci-hotplug virtio-mem pmem dax"),
    Machine("x86_64", "microvm,acpi=off", "microvm,acpi=off", "device", "ttyS0", CLOCKS, ["-global", "virtio-mmio.force-legacy=false"],
            X86_ABSENT + " acpi pci virtio-iommu vfio dmi pvpanic cpu-hotplug memory-hotplug pci-hotplug virtio-mem pmem dax", suffix="-microvm"),
    Machine("aarch64", "virt", "virt", "pci", "ttyAMA0", "", ["-device", "pcie-root-port,id=hot", "-device", "pvpanic-pci"],
            "acpi ptp dmi hvc-console virtio-iommu vfio cpu-hotplug memory-hotplug virtio-mem pmem dax virtio-mmio", "pci"),
    Machine("ppc64le", "pseries", "pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off,x-vof=on", "pci", "hvc0", "",
            [], "pmem dax", "cpu memory pci", cpu=""),
    Machine("s390x", "s390-ccw-virtio", "s390-ccw-virtio", "ccw", "ttysclp0", "", [], "hvc-console memory-hotplug pci", "cpu"),
)


def tool(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def run(*argv, **kw):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, **kw)


def make_images(work):
    """The file system images of the initrd, by name."""
    path = lambda name: os.path.join(work, name)  # noqa: E731
    tree = path("tree")
    os.makedirs(tree + "/dir")
    for name, text in (("text", "compressed erofs " * 5000), ("dir/inside", "inside"), ("gone", "gone")):
        with open(os.path.join(tree, name), "w", encoding="ascii") as f:
            f.write(text)
    os.setxattr(tree + "/text", "user.check", b"hello")
    run(tool("mkfs.erofs"), "-zlz4", path("erofs.img"), tree, stderr=subprocess.DEVNULL)
    run(tool("mke2fs"), "-q", "-t", "ext4", path("ext4.img"), "2M")
    for label in ("mbr", "gpt"):
        with open(path(label + ".img"), "wb") as f:
            f.truncate(2 * MIB)
        run(tool("sfdisk"), "-q", path(label + ".img"), input=b"label: %s\nstart=1MiB,size=64KiB\n" % label.replace("mbr", "dos").encode())
    images = {}
    for name in ("erofs", "ext4", "mbr", "gpt"):
        with open(path(name + ".img"), "rb") as f:
            images[name] = f.read()
    return images


def make_initrd(path, selfcheck, features, images):
    """Two archives: the images compressed by gzip, then the program by zstd."""
    with open(selfcheck, "rb") as f:
        init = f.read()
    first = [("images", 0o040755, b"")] + [("images/%s.img" % n, 0o100644, d) for n, d in images.items()]
    first += [(d, 0o040755, b"") for d in ("dev", "proc", "sys", "tmp", "run")]
    second = [("init", 0o100755, init), ("features", 0o100644, "".join(f + "\n" for f in features).encode()), ("zstd", 0o100644, b"")]
    with open(path, "wb") as f:
        f.write(gzip.compress(cpio(first), 6, mtime=0))
        f.write(subprocess.run(["zstd", "-q", "-c"], input=cpio(second), stdout=subprocess.PIPE, check=True).stdout)


class Qmp:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        for _ in range(100):
            try:
                self.sock.connect(path)
                break
            except OSError:
                time.sleep(0.1)
        self.file = self.sock.makefile("rw", encoding="utf-8")
        self.file.readline()
        self.call("qmp_capabilities")

    def call(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise RuntimeError("%s: %s" % (command, answer["error"]["desc"]))


def plug(qmp, machine, what):
    if what == "cpu":
        free = [c for c in qmp.call("query-hotpluggable-cpus") if "qom-path" not in c]
        qmp.call("device_add", driver=free[0]["type"], id="cpu-new", **free[0]["props"])
    elif what == "memory":
        qmp.call("object-add", **{"qom-type": "memory-backend-ram", "id": "mem-new", "size": 256 * MIB})
        qmp.call("device_add", driver="pc-dimm", id="dimm-new", memdev="mem-new")
    elif what == "virtio-mem":
        qmp.call("qom-set", path="/machine/peripheral/vmem", property="requested-size", value=256 * MIB)
    else:
        qmp.call("device_add", driver="virtio-rng-pci", id="rng-new", **({"bus": "hot"} if "pcie-root-port,id=hot" in machine.more else {}))


def devices(machine, work):
    """A device for each driver that the machine's kernel has."""
    share = os.path.join(work, "share")
    os.makedirs(share, exist_ok=True)
    with open(share + "/from-host", "w", encoding="ascii") as f:
        f.write("from the host")
    for name, size in (("xfs", 320 * MIB), ("scsi", MIB)):
        with open(os.path.join(work, name), "wb") as f:
            f.truncate(size)
    xfs = tool("mkfs.xfs")
    if xfs:
        run(xfs, "-q", "-f", os.path.join(work, "xfs"))
    args = ["-blockdev", "driver=raw,node-name=d0,file.driver=file,file.filename=%s/xfs" % work, *machine.device("virtio-blk", "drive=d0")]
    if machine.suffix != "-microvm":
        args += ["-blockdev", "driver=raw,node-name=d1,file.driver=file,file.filename=%s/scsi" % work]
        args += [*machine.device("virtio-scsi"), "-device", "scsi-hd,drive=d1"]
    args += ["-netdev", "user,id=n0", *machine.device("virtio-net", "netdev=n0")]
    args += [*machine.device("virtio-rng"), *machine.device("virtio-balloon", "free-page-reporting=on")]
    args += [*machine.device("virtio-serial"), "-chardev", "null,id=p0", "-device", "virtserialport,chardev=p0"]
    args += ["-fsdev", "local,id=f0,path=%s,security_model=none" % share, *machine.device("virtio-9p", "fsdev=f0,mount_tag=share")]
    if "virtio-mem" in machine.plug:
        args += ["-object", "memory-backend-ram,id=vm0,size=512M", "-device", "virtio-mem-pci,id=vmem,memdev=vm0,requested-size=0"]
    if "pmem" in machine.plug:
        run(tool("mke2fs"), "-q", "-F", "-t", "ext4", "-b", "4096", os.path.join(work, "pmem"), "128M")
        args += ["-object", "memory-backend-file,id=pm0,mem-path=%s/pmem,size=128M,share=on" % work, "-device", "virtio-pmem-pci,memdev=pm0"]
    if "cpu" in machine.plug:
        args += ["-smp", "1,maxcpus=2"]
    return args, bool(xfs)


def selfcheck(machine, kernel_dir, program, work):
    """Boots the kernel's self-check: {feature: (result, reason)}, the console's text, and whether QEMU ended by itself."""
    with open(os.path.join(kernel_dir, "kernel.manifest.json"), encoding="utf-8") as f:
        features = json.load(f)["features"]
    initrd, qmp_path = os.path.join(work, "initrd"), os.path.join(work, "qmp")
    make_initrd(initrd, program, features, make_images(work))
    more, has_xfs = devices(machine, work)
    memory = "512M,slots=4,maxmem=2G" if {"memory", "virtio-mem"} & set(machine.plug) else "512M"
    append = "psi=1 selinux=1 loglevel=6 selfcheck=poweroff selfcheck.plug=%s %s" % (
        ",".join(machine.plug), "selfcheck.xfs" if has_xfs else "")
    command = machine.args(os.path.join(kernel_dir, "vmlinux"), initrd, append, memory)
    qemu = subprocess.Popen(command + more + ["-qmp", "unix:%s,server=on,wait=off" % qmp_path], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    timer = threading.Timer(TIMEOUT, qemu.kill)
    timer.start()
    text, qmp = [], None
    for line in qemu.stdout:
        text.append(line.decode("utf-8", "replace").replace("\r", ""))
        wanted = re.search(r"selfcheck plug ([\w-]+)", text[-1])
        if wanted:
            try:
                qmp = qmp or Qmp(qmp_path)
                plug(qmp, machine, wanted.group(1))
            except (RuntimeError, OSError, ValueError, IndexError) as e:
                text.append("host: cannot plug %s: %s\n" % (wanted.group(1), e))
    qemu.wait()
    ended = timer.is_alive()
    timer.cancel()
    text = "".join(text)
    rows = {m.group(1): (m.group(2), m.group(3) or "") for m in
            re.finditer(r"selfcheck ([\w-]+) (ok|FAILED|absent|untested)(?:: ([^\n]*))?", text)}
    return features, rows, text, ended


def boot_until(machine, kernel_dir, initrd, append, until):
    """The console of a guest, up to a text or its end; and whether the text came."""
    qemu = subprocess.Popen(machine.args(os.path.join(kernel_dir, "vmlinux"), initrd, append, "256M"), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    timer = threading.Timer(TIMEOUT, qemu.kill)
    timer.start()
    text = ""
    try:
        for line in qemu.stdout:
            text += line.decode("utf-8", "replace").replace("\r", "")
            if until in text:
                break
    finally:
        timer.cancel()
        qemu.kill()
        qemu.wait()
    return text, until in text


def log_faults(text):
    # The check of memory.max makes the kernel end a process, and say with a trace where it was.
    text = re.sub(r"^[^\n]*invoked oom-killer.*?emory cgroup out of memory: Killed[^\n]*$", "", text, flags=re.S | re.M)
    return [l for l in text.splitlines() if BAD_LOG.search(l) and not l.startswith("selfcheck ") and not any(fine in l for fine in LOG_IS_FINE)]
