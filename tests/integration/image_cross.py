#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Agents, images and initrds for aarch64, ppc64le and s390x, made on this machine without emulation: looked at with foreign
tools, run under QEMU's emulator of user programs, and booted with Debian's kernels, where the agent's own tests run inside.

Environment: KATA_BUILD (the tree of `make cross-agents`: guest-ARCH/, sysroot/ARCH), KATA_BIN (osbuilder), KATA_AGENT.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import machines  # noqa: E402
from cases import Skip, UNPRIVILEGED, as_user, case, finish, run, scratch_dir, tool  # noqa: E402
from images import initrd_names, partition, sha512  # noqa: E402

BIN = os.path.abspath(os.environ.get("KATA_BIN", "build/host/bin"))
HOST_AGENT = os.path.abspath(os.environ.get("KATA_AGENT", "build/guest/bin/kata-agent"))
BUILD = os.path.abspath(os.environ.get("KATA_BUILD", "build"))
CACHE = os.path.abspath(os.environ.get("OSBUILDER_CACHE", os.path.join(BUILD, "cache")))
OSBUILDER = os.path.join(BIN, "osbuilder")
CLIENT = os.path.join(BIN, "../test/guest-agent/service/test_agent_local")
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
EPOCH = "1700000000"
AGENT_MAX = 1536 * 1024
MEMORY_MIB = 512
BOOT_TIMEOUT = int(os.environ.get("KATA_TEST_TIMEOUT", "300"))


class Arch:
    """What is known of an architecture from elsewhere: readelf's words, Debian's names, QEMU's machine."""

    def __init__(self, name, debian, tuple_, machine, data, loader, console, kernel, qemu):
        self.name, self.debian, self.tuple, self.machine, self.data, self.loader = name, debian, tuple_, machine, data, loader
        self.console, self.kernel, self.qemu = console, kernel, qemu
        self.agent = os.path.join(BUILD, f"guest-{name}", "bin", "kata-agent")
        self.client = os.path.join(BUILD, f"guest-{name}", "test/guest-agent/service/test_agent_local")
        self.sysroot = os.path.join(BUILD, "sysroot", name)

    def need(self):
        if not os.access(self.agent, os.X_OK):
            raise Skip(f"no agent for {self.name} (make cross-agents)")
        return self


# cap-*: QEMU's TCG has none of the mitigations that the default machine of ppc64le promises.
ARCHS = [
    Arch("aarch64", "arm64", "aarch64-linux-gnu", "AArch64", "little endian", "/lib/ld-linux-aarch64.so.1", "ttyAMA0",
         "linux-image-cloud-arm64", ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a57", "-serial", "stdio"]),
    Arch("ppc64le", "ppc64el", "powerpc64le-linux-gnu", "PowerPC64", "little endian", "/lib64/ld64.so.2", "hvc0",
         "linux-image-powerpc64le", ["qemu-system-ppc64", "-M", "pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,"
                                     "cap-ccf-assist=off,x-vof=on", "-serial", "stdio"]),
    Arch("s390x", "s390x", "s390x-linux-gnu", "IBM S/390", "big endian", "/lib/ld64.so.1", "ttysclp0",
         "linux-image-s390x", ["qemu-system-s390x", "-M", "s390-ccw-virtio", "-cpu", "max", "-chardev", "stdio,id=c0",
                               "-device", "sclpconsole,chardev=c0"]),
]

TMP = scratch_dir("image_cross")
os.chmod(TMP, 0o755)
# the build tree may lie where other users cannot look
OSBUILDER = shutil.copy(OSBUILDER, TMP)
for A in ARCHS:
    if os.access(A.agent, os.X_OK):
        A.agent = shutil.copy(A.agent, os.path.join(TMP, f"kata-agent-{A.name}"))


def out_dir(name):
    d = os.path.join(TMP, name)
    os.mkdir(d)
    if os.geteuid() == 0:
        os.chown(d, UNPRIVILEGED, UNPRIVILEGED)
    return d


def cache_of(recipe, arch):
    """A cache with the files of a lock and nothing else: no package lists."""
    cache = out_dir(f"{arch.name}-cache")
    with open(f"{recipe}lock-{arch.name}.toml", encoding="utf-8") as f:
        for sha in re.findall(r'sha256 = "(\w+)"', f.read()):
            if os.path.exists(f"{CACHE}/sha256/{sha[:2]}/{sha}"):  # what the recipe omits is not fetched
                os.makedirs(f"{cache}/sha256/{sha[:2]}", exist_ok=True)
                shutil.copy(f"{CACHE}/sha256/{sha[:2]}/{sha}", f"{cache}/sha256/{sha[:2]}/{sha}")
    if os.geteuid() == 0:
        run("chown", "-R", str(UNPRIVILEGED), cache)
    return cache


def osbuilder(*argv, ok=True, user=True, cache=None, **kw):
    env = dict(os.environ, OSBUILDER_CACHE=cache or CACHE, SOURCE_DATE_EPOCH=EPOCH, TMPDIR=TMP)
    return run(OSBUILDER, *argv, ok=ok, cwd=ROOT, env=env, **(as_user() if user else {}), **kw)


def readelf(path, *options):
    return run(tool("readelf"), "-W", *options, path).stdout


def elf_files(top):
    """Paths of all ELF files below a directory, by their first bytes."""
    for path, _, files in os.walk(top):
        for name in sorted(files):
            full = os.path.join(path, name)
            if os.path.isfile(full) and not os.path.islink(full):
                with open(full, "rb") as f:
                    if f.read(4) == b"\x7fELF":
                        yield full


def check_elf(arch, files):
    """That readelf finds every file to be for this machine. Returns the sections of its output, by file."""
    text = run(tool("readelf"), "-W", "-h", "-l", "-d", *files).stdout if len(files) > 1 else \
        f"\nFile: {files[0]}\n" + readelf(files[0], "-h", "-l", "-d")
    parts = dict(re.findall(r"^File: (.*)\n((?:(?!^File: ).*\n)*)", text, re.M))
    assert len(parts) == len(files), f"readelf read {len(parts)} of {len(files)} files"
    for path, part in parts.items():
        assert re.search(rf"Machine:\s+{re.escape(arch.machine)}\b", part), f"{path}: {part[:600]}"
        assert f"2's complement, {arch.data}" in part and "ELF64" in part, f"{path}: {part[:600]}"
    return parts


def manifest_of(path):
    with open(path + ".manifest.json", encoding="utf-8") as f:
        return json.load(f)


def same_outputs(a, b, suffixes):
    for s in suffixes:
        assert sha512(a + s) == sha512(b + s), f"{a}{s} and {b}{s} differ"


def build_agent(arch, out, *extra, **kw):
    osbuilder("build", "--recipe", "agent", "--agent", arch.agent, "--arch", arch.name, "--image", f"{out}/i.img",
              "--initrd", f"{out}/n.img", "--align-mib", "16", *extra, **kw)
    return f"{out}/i.img", f"{out}/n.img"


# ---- booting ---------------------------------------------------------------------------------------------------------

KERNEL_RECIPE = """
format = 1
name = "kernel"
merge_usr = true
prune = ["/etc", "/usr/[!l]*", "/usr/lib/[!m]*", "/usr/lib/modules/*/[!k]*", "/usr/lib/modules/*/kernel/[!f]*",
	"/usr/lib/modules/*/kernel/f[!s]*", "/usr/lib/modules/*/kernel/fs/[!o]*", "/var", "/boot/[!v]*"]
[[source]]
type = "deb"
suites = ["bookworm"]
components = ["main"]
packages = ["KERNEL", "tiny-initramfs"] # the smallest package that an image's dependencies are content with
omit = ["cpio", "debconf", "gcc-12-base", "kmod", "libc6", "libgcc-s1", "libkmod2", "liblzma5", "libssl3", "libzstd1",
	"linux-base", "tiny-initramfs", "tiny-initramfs-core"]
"""

# The agent's test program inside: its libraries are those that it was linked with. The shell becomes the agent.
GUEST_RECIPE = """
format = 1
name = "guest"
merge_usr = true
prune = ["/usr/share"]
[agent]
path = "/usr/sbin/kata-agent"
[[source]]
type = "deb"
suites = ["bookworm"]
components = ["main"]
packages = ["busybox-static"]
[[source]]
type = "dir"
path = "files"
[[text]]
path = "/sbin/init"
mode = "0755"
text = '''
#!/bin/busybox sh
/bin/busybox ln -s busybox /bin/sh
/bin/busybox insmod /overlay.ko
/bin/busybox mount -t devtmpfs dev /dev
(
until [ -S /run/agent.sock ]; do /bin/busybox sleep 0.1; done
KATA_TEST_AGENT_ADDR=unix:///run/agent.sock /client 2>&1
/bin/busybox sleep 1
/bin/busybox poweroff -f
) &
exec /usr/sbin/kata-agent
'''
"""


def write_recipe(path, text):
    os.makedirs(path, exist_ok=True)
    with open(f"{path}/recipe.toml", "w", encoding="utf-8") as f:
        f.write(text)
    return path + "/"


def from_mirror(*argv):
    p = osbuilder(*argv, ok=False, user=False)
    if p.returncode and "apt: " in p.stderr and ("Failed to fetch" in p.stderr or "resolv" in p.stderr):
        raise Skip(f"no Debian mirror can be reached: {p.stderr.strip()}")
    assert p.returncode == 0, p.stderr


def fetch_kernel(arch):
    """Debian's kernel of that architecture and its overlay module."""
    out = os.path.join(TMP, f"{arch.name}-kernel")
    recipe = write_recipe(os.path.join(TMP, f"{arch.name}-kernel-recipe"), KERNEL_RECIPE.replace("KERNEL", arch.kernel))
    from_mirror("build", "--recipe", recipe, "--arch", arch.name, "--rootfs", out)
    kernel = [os.path.join(out, "boot", n) for n in os.listdir(out + "/boot") if n.startswith("vmlinu")]
    overlay = [os.path.join(p, n) for p, _, names in os.walk(out) for n in names if n == "overlay.ko"]
    assert len(kernel) == len(overlay) == 1, (kernel, overlay)
    return kernel[0], overlay[0]


def guest_initrd(arch, overlay):
    top = os.path.join(TMP, f"{arch.name}-guest")
    recipe = write_recipe(top, GUEST_RECIPE)
    libs = f"{top}/files/usr/lib/{arch.tuple}"
    os.makedirs(libs)
    shutil.copy(arch.client, f"{top}/files/client")
    shutil.copy(overlay, f"{top}/files/overlay.ko")
    # as the packages have them: the loader's own link may be an absolute one
    os.makedirs(os.path.dirname(f"{top}/files/usr{arch.loader}"), exist_ok=True)
    for d, want in ((f"lib/{arch.tuple}", r"(ld.*|libc|libprotobuf-c|libcmocka)\.so\.\d.*"), (arch.loader[1:].split("/")[0], r"ld.*\.so\..*")):
        for name in os.listdir(f"{arch.sysroot}/usr/{d}"):
            if re.fullmatch(want, name):
                shutil.copy(f"{arch.sysroot}/usr/{d}/{name}", f"{top}/files/usr/{d}/{name}", follow_symlinks=False)
    out = os.path.join(TMP, f"{arch.name}-guest.img")
    from_mirror("build", "--recipe", recipe, "--arch", arch.name, "--agent", arch.agent, "--initrd", out)
    return out


def boot(arch, kernel, initrd, until=None):
    """The console of a guest, up to a text or to its end."""
    argv = [*arch.qemu, "-accel", "tcg", "-smp", "1", "-m", str(MEMORY_MIB), "-nodefaults", "-no-reboot", "-display", "none",
            "-kernel", kernel, "-initrd", initrd,
            "-append", f"console={arch.console} quiet panic=-1 {machines.AGENT_TEST_PARAMS}"]
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    timer = threading.Timer(BOOT_TIMEOUT, p.kill)
    timer.start()
    text = ""
    try:
        for line in p.stdout:
            text += line.decode(errors="replace").replace("\r", "")
            if until and until in text:
                break
    finally:
        timer.cancel()
        p.kill()
        p.wait()
    return text


class Guest:
    """What came of booting one architecture's images."""

    def __init__(self, arch):
        self.done = threading.Event()
        self.arch, self.why, self.error, self.ready, self.log = arch, None, None, "", ""

    def run(self):
        try:
            self.arch.need()
            tool(self.arch.qemu[0])
            kernel, overlay = fetch_kernel(self.arch)
            out = out_dir(f"{self.arch.name}-boot")
            _, initrd = build_agent(self.arch, out)
            self.ready = boot(self.arch, kernel, initrd, "serving on unix:///run/agent.sock")
            if not os.access(self.arch.client, os.X_OK):
                raise Skip("no test program for this architecture (make cross-agents)")
            self.log = boot(self.arch, kernel, guest_initrd(self.arch, overlay))
        except Skip as e:
            self.why = str(e)
        except Exception as e:  # shown by the case of this guest
            self.error = e
        finally:
            self.done.set()


GUESTS = [Guest(A) for A in ARCHS]
# One after the other, beside the other cases: two processors have enough to do with that.
threading.Thread(target=lambda: [g.run() for g in GUESTS], daemon=True).start()


# ---- the agents ------------------------------------------------------------------------------------------------------

for A in ARCHS:
    @case(f"{A.name}: the agent is static, small and of that machine")
    def _():
        A.need()
        text = check_elf(A, [A.agent])[A.agent]
        assert "INTERP" not in text and "(NEEDED)" not in text, text
        assert os.path.getsize(A.agent) <= AGENT_MAX, os.path.getsize(A.agent)

    @case(f"{A.name}: the agent runs and speaks its protocol under qemu-user")
    def _():
        A.need()
        qemu = tool(f"qemu-{A.name}-static")
        with open(os.path.join(ROOT, "VERSION"), encoding="utf-8") as f:
            assert run(qemu, A.agent, "--version").stdout == f"kata-agent version {f.read().strip()}\n"
        if not os.access(CLIENT, os.X_OK):
            raise Skip("no protocol test program (make check-unit)")
        wrapper = os.path.join(TMP, f"agent-{A.name}")
        with open(wrapper, "w", encoding="utf-8") as f:
            f.write(f'#!/bin/sh\nexec {qemu} {A.agent} "$@"\n')
        os.chmod(wrapper, 0o755)
        p = run(CLIENT, env=dict(os.environ, KATA_AGENT=wrapper, KATA_TEST_PROTOCOL_ONLY="1", CMOCKA_MESSAGE_OUTPUT="TAP"))
        why = re.search(r"# SKIP (.*)", p.stdout)
        if why:
            raise Skip(why.group(1))
        assert len(re.findall(r"^ok \d+ - test_", p.stdout, re.M)) == 4 and "not ok" not in p.stdout, p.stdout + p.stderr


# ---- images of the agent alone ---------------------------------------------------------------------------------------

SUFFIXES = ("", ".manifest.json", ".spdx.json")
for A in ARCHS:
    for FS in ("ext4", "erofs"):
        @case(f"{A.name}: agent as {FS} image, measured and not, and initrd: as another user the same bytes, checked by others")
        def _():
            A.need()
            plain, again, measured = (out_dir(f"{A.name}-{FS}-{n}") for n in ("plain", "again", "measured"))
            image, initrd = build_agent(A, plain, "--fs", FS)
            same_image, same_initrd = build_agent(A, again, "--fs", FS, user=False, umask=0o077)
            same_outputs(image, same_image, SUFFIXES)
            same_outputs(initrd, same_initrd, SUFFIXES)
            sealed, _ = build_agent(A, measured, "--fs", FS, "--measured")
            for f in (image, initrd, sealed):
                m = manifest_of(f)
                assert m["architecture"] == A.name and m["size"] == os.path.getsize(f), m
                osbuilder("verify", f)
            check = ["e2fsck", "-fn"] if FS == "ext4" else ["fsck.erofs"]
            run(tool(check[0]), *check[1:], partition(image))
            if FS == "erofs":
                return
            assert {"init", "sbin/init"} <= set(initrd_names(initrd))
            top = os.path.join(TMP, f"{A.name}-tree")
            osbuilder("extract", image, top, user=os.geteuid() != 0)
            files = list(elf_files(top))
            assert [os.path.relpath(f, top) for f in files] == ["sbin/init"], files
            check_elf(A, files)
            assert sha512(files[0]) == sha512(A.agent)
            assert osbuilder("diff", image, initrd, ok=False).stdout == "+ /init\n"

    @case(f"{A.name}: seal puts in another agent of that machine, and only of that")
    def _():
        A.need()
        out = out_dir(f"{A.name}-seal")
        image, _ = build_agent(A, out, "--measured")
        before = sha512(image)
        other = os.path.join(TMP, f"other-{A.name}")
        run(tool(f"{A.tuple}-strip"), "-R", ".comment", "-o", other, A.agent)
        with open(other, "ab") as f:
            f.write(b"\n")
        osbuilder("seal", "--agent", other, image)
        osbuilder("verify", image)
        assert sha512(image) != before
        fresh = out_dir(f"{A.name}-fresh")
        osbuilder("build", "--recipe", "agent", "--agent", other, "--arch", A.name, "--image", f"{fresh}/i.img",
                  "--measured", "--align-mib", "16")
        same_outputs(image, f"{fresh}/i.img", ("", ".manifest.json"))
        if not os.access(HOST_AGENT, os.X_OK):
            raise Skip("no agent of this machine")
        p = osbuilder("seal", "--agent", HOST_AGENT, image, ok=False)
        assert p.returncode and f"is for x86_64, the image is for {A.name}" in p.stderr, p.stderr
        p = osbuilder("build", "--recipe", "agent", "--agent", HOST_AGENT, "--arch", A.name, "--image", f"{out}/x.img", ok=False)
        assert p.returncode and f"is for x86_64, the image is for {A.name}" in p.stderr, p.stderr
        assert not os.path.exists(f"{out}/x.img")


@case("osbuilder on a big-endian machine (s390x under qemu-user) gives the same bytes")
def _():
    there = os.path.join(BUILD, "guest-s390x", "bin", "osbuilder")
    if not os.access(there, os.X_OK):
        raise Skip("no osbuilder for s390x (make cross-agents)")
    agent = ARCHS[0].need().agent
    here, other = out_dir("order-here"), out_dir("order-there")
    for fs in ("ext4", "erofs"):
        argv = ["build", "--recipe", "agent", "--arch", "aarch64", "--agent", agent, "--fs", fs, "--align-mib", "16", "--measured",
                "--variant", fs]
        for out, program in ((here, [OSBUILDER]), (other, [tool("qemu-s390x-static"), "-L", ARCHS[2].sysroot, there])):
            run(*program, *argv, "--image", f"{out}/{fs}.img", "--initrd", f"{out}/{fs}.initrd", cwd=ROOT,
                env=dict(os.environ, SOURCE_DATE_EPOCH=EPOCH))
        run(tool("qemu-s390x-static"), "-L", ARCHS[2].sysroot, there, "verify", f"{here}/{fs}.img")
        assert run(tool("qemu-s390x-static"), "-L", ARCHS[2].sysroot, there, "diff", f"{here}/{fs}.img", f"{here}/{fs}.initrd",
                   ok=False).stdout == "+ /init\n"
    assert len(os.listdir(here)) == 14, os.listdir(here)
    for name in os.listdir(here):
        same_outputs(f"{here}/{name}", f"{other}/{name}", ("",))


# ---- Debian ----------------------------------------------------------------------------------------------------------

def locked_recipe(arch, name):
    """A copy of a recipe with its lock for this architecture; fetches package lists."""
    path = os.path.join(TMP, name)
    if not os.path.isdir(path):
        shutil.copytree(os.path.join(ROOT, "recipes", name), path, ignore=shutil.ignore_patterns("lock-*"))
    p = osbuilder("lock", "--recipe", path + "/", "--arch", arch.name, ok=False, user=False)
    if p.returncode and "apt: " in p.stderr and ("Failed to fetch" in p.stderr or "resolv" in p.stderr):
        raise Skip(f"no Debian mirror can be reached: {p.stderr.strip()}")
    assert p.returncode == 0, p.stderr
    with open(f"{path}/lock-{arch.name}.toml", encoding="utf-8") as f:
        assert set(re.findall(r' architecture = "(\w+)"', f.read())) <= {arch.debian, "all"}
    return path + "/"


def check_closure(arch, top):
    """Every program's loader and every library that anything needs are in the tree."""
    files = list(elf_files(top))
    parts = check_elf(arch, files)
    have = {os.path.basename(f) for f in files}
    for path, _, names in os.walk(os.path.join(top, "usr/lib")):
        have |= {n for n in names if os.path.exists(os.path.join(path, n)) or os.path.islink(os.path.join(path, n))}
    programs = 0
    for path, part in parts.items():
        loader = re.search(r"Requesting program interpreter: (\S+)\]", part)
        if loader:
            programs += 1
            assert loader.group(1) == arch.loader, f"{path} wants {loader.group(1)}"
        for lib in re.findall(r"\(NEEDED\)\s+Shared library: \[(.*)\]", part):
            assert lib in have, f"{path} needs {lib}, which is not in the image"
    assert programs > 50, programs
    # the loader's path, link by link inside the tree
    at = arch.loader
    for _ in range(8):
        head, tail = "", at.strip("/").split("/")
        for i, word in enumerate(tail):
            full = f"{top}{head}/{word}"
            if os.path.islink(full):
                to = os.readlink(full)
                at = os.path.normpath((to if to.startswith("/") else f"{head}/{to}") + "/" + "/".join(tail[i + 1:]))
                break
            head += "/" + word
        else:
            break
    assert os.access(top + at, os.X_OK), f"{arch.loader} leads to {at}"


for A in ARCHS:
    @case(f"{A.name}: debian, locked and offline: as another user the same bytes, programs and libraries of that machine, all there")
    def _():
        A.need()
        recipe = locked_recipe(A, "debian")
        warm, cold = out_dir(f"{A.name}-debian"), out_dir(f"{A.name}-debian2")
        argv = ["build", "--recipe", recipe, "--locked", "--agent", A.agent, "--arch", A.name]
        top = os.path.join(TMP, f"{A.name}-debian-tree")
        osbuilder(*argv, "--image", f"{warm}/i.img", "--align-mib", "16", "--initrd", f"{warm}/n.img", "--rootfs", top, user=False)
        osbuilder(*argv, "--image", f"{cold}/i.img", "--align-mib", "16", "--initrd", f"{cold}/n.img", "--offline",
                  umask=0o077, cache=cache_of(recipe, A))
        for f in ("i.img", "n.img"):
            same_outputs(f"{warm}/{f}", f"{cold}/{f}", SUFFIXES)
        with open(f"{warm}/i.img.spdx.json", encoding="utf-8") as f:
            purls = set(re.findall(r"pkg:deb/debian/[^\"]*arch=(\w+)", f.read()))
        assert purls == {A.debian, "all"}, purls
        m = manifest_of(f"{warm}/i.img")
        assert m["architecture"] == A.name and {p["architecture"] for p in m["packages"]} <= {A.debian, "all"}, m
        run(tool("e2fsck"), "-fn", partition(f"{warm}/i.img"))
        names = initrd_names(f"{warm}/n.img")
        assert "usr/bin/kata-agent" in names and f"usr/lib/{A.tuple}/libc.so.6" in names
        assert not [n for n in names if "x86_64" in n], names
        check_closure(A, top)


# ---- what came of the guests -------------------------------------------------------------------------------------------

# Debian's kernels have the network devices that these use as modules, which the guest has not.
NEED_MODULES = {"test_interfaces", "test_interface_by_pci", "test_late_interface", "test_routes", "test_neighbours"}

for G in GUESTS:
    @case(f"{G.arch.name}: the initrd of the recipe agent boots with Debian's kernel until the agent serves")
    def _():
        G.done.wait()
        if G.why and not G.ready:
            raise Skip(G.why)
        if G.error and not G.ready:
            raise G.error
        assert "serving on unix:///run/agent.sock" in G.ready, G.ready

    @case(f"{G.arch.name}: the agent's own tests, containers and all, pass in a guest of that machine")
    def _():
        G.done.wait()
        if G.why:
            raise Skip(G.why)
        if G.error:
            raise G.error
        # The last test ends the sandbox, and with it the machine: the summary may not get out.
        said = re.search(r"Running (\d+) test", G.log)
        passed = re.findall(r"\[       OK \] (test_\w+)", G.log)
        skipped = set(re.findall(r"\[  SKIPPED \] (test_\w+)", G.log))
        assert skipped <= NEED_MODULES, skipped
        assert said and len(passed) + len(skipped) == int(said.group(1)) and len(passed) >= 60 and "FAILED" not in G.log, G.log

finish()
