#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad input to `kata-runtime run`: each gives one clear line, a non-zero exit, and leaves nothing behind.

Environment: see tests/support/kata_runtime.py; KATA_IMAGE_DIR: an initrd to break.
"""

import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from initrd import cpio  # noqa: E402
from kata_runtime import USER_ID, Host, Tap, assets, skip_all_unless_ready, write_config  # noqa: E402

tap = Tap()


def sleeping_initrd(path):
    """A guest that comes up, says so, and has no agent."""
    init = b"#!/bin/busybox sh\necho no agent in here >/dev/console\nwhile :; do /bin/busybox sleep 9; done\n"
    entries = [("bin", 0o40755, b""), ("dev", 0o40755, b""), ("init", 0o100755, init),
               ("bin/busybox", 0o100755, open("/bin/busybox", "rb").read())]
    open(path, "wb").write(cpio(entries))
    return path


def expect(h, name, texts, status=1, config=None, lines=1):
    """Runs the bundle as it is; every text must be in the message, which has `lines` lines (None: any number)."""
    code, out, err = h.run("run", "--bundle", h.bundle, "bad", config=config)
    mine = [line for line in err.splitlines() if not line.startswith("kata-runtime: warning: KVM")]
    good = (code == status and out == b"" and all(t in err for t in texts) and
            bool(mine) and mine[0].startswith("kata-runtime: ") and (lines is None or len(mine) == lines))
    left = h.left(3)
    tap.ok(good and not left, name, "exit status %s, wanted %s and %s\n%s\n%s" % (code, status, texts, err, left))


def check_assets(h):
    image = assets().get("image")
    conf = h.work + "/bad.toml"

    write_config(conf, image=h.work + "/none.img", initrd=None)
    expect(h, "no image", [h.work + "/none.img", "No such file"], config=conf)
    write_config(conf, kernel=h.work + "/none")
    expect(h, "no kernel", [h.work + "/none", "No such file"], config=conf)
    if image and os.path.exists(image + ".manifest.json"):
        other = h.work + "/other.img"
        os.symlink(image, other)
        manifest = json.load(open(image + ".manifest.json"))
        manifest["architecture"] = "s390x"
        json.dump(manifest, open(other + ".manifest.json", "w"))
        write_config(conf, image=other)
        expect(h, "image of another architecture", [other, "s390x"], config=conf)
        manifest = json.load(open(image + ".manifest.json"))
        manifest["agent"]["protocol"] = "99.0"
        json.dump(manifest, open(other + ".manifest.json", "w"))
        expect(h, "agent of another protocol", [other, "agent speaks protocol 99.0, this runtime speaks"], config=conf)
        manifest["agent"]["protocol"] = None
        manifest["kernel_options"].append("CONFIG_NO_SUCH")
        json.dump(manifest, open(other + ".manifest.json", "w"))
        if os.path.exists(os.path.dirname(os.path.realpath(assets()["kernel"])) + "/kernel.manifest.json"):
            expect(h, "kernel without an option of the image", [assets()["kernel"], "lacks CONFIG_NO_SUCH=y"], config=conf)
        else:
            tap.skip("kernel without an option of the image", "the kernel has no manifest")
        short = h.work + "/short.img"
        with open(image, "rb") as src, open(short, "wb") as dst:
            dst.write(src.read(4 << 20))
        shutil.copy(image + ".manifest.json", short + ".manifest.json")
        write_config(conf, image=short)
        expect(h, "truncated image", [short, "truncated"], config=conf)
        os.unlink(short + ".manifest.json")
        expect(h, "truncated image without a manifest", [short], config=conf)
    else:
        tap.skip("image of another architecture", "the configuration names no image with a manifest")
        tap.skip("agent of another protocol", "the configuration names no image with a manifest")
        tap.skip("kernel without an option of the image", "the configuration names no image with a manifest")
        tap.skip("truncated image", "the configuration names no image with a manifest")
    # An ELF program of this machine: no kernel, so no PVH note.
    write_config(conf, kernel="/bin/busybox")
    expect(h, "kernel without a PVH note", ["/bin/busybox", "PVH"], config=conf)


def check_spec(h):
    path = h.bundle + "/config.json"
    os.unlink(path)
    expect(h, "config.json missing", [path, "No such file"])
    open(path, "w").write('{ "ociVersion": "1.0.2", }')
    expect(h, "config.json with invalid JSON", [path, "line 1"])
    h.spec(["true"])
    spec = json.load(open(path))
    spec["process"]["args"] = ["sh", "-c", 5]
    json.dump(spec, open(path, "w"))
    expect(h, "config.json with a wrong type", [path, "process.args[2]", "expected a string"])
    h.spec(["true"])
    spec = json.load(open(path))
    spec["root"]["path"] = "nowhere"
    json.dump(spec, open(path, "w"))
    expect(h, "root file system missing", [h.bundle + "/nowhere", "No such file"])
    h.spec(["true"], terminal=True)
    expect(h, "a terminal without one", ["process.terminal", "stdin"])
    h.spec(["true"])
    spec = json.load(open(path))
    spec["hooks"] = {"prestart": [{"path": "/bin/true"}]}
    json.dump(spec, open(path, "w"))
    expect(h, "hooks", ["hooks.prestart", "not supported yet"])
    h.spec(["true"])
    if h.user:
        spec = json.load(open(path))
        spec["mounts"].append({"destination": "/data", "type": "bind", "source": "/tmp", "options": ["rbind"]})
        json.dump(spec, open(path, "w"))
        expect(h, "a mount from the host without virtio-fs", ['mount "/data"', "virtio-fs"])
    h.spec(["nosuchcommand"])
    expect(h, "command not found", ['exec "nosuchcommand"', "not found"], status=127)
    h.spec(["/etc"])
    expect(h, "command that is none", ['exec "/etc"', "Permission denied"], status=126)
    h.spec(["true"])


def check_config(h):
    conf = h.work + "/bad.toml"
    text = open(h.config).read()

    open(conf, "w").write("[hypervisor.qemu\n" + text)
    expect(h, "malformed TOML", [conf + ":1:17: "], config=conf)
    open(conf, "w").write(text.replace("[agent.kata]", "[agent.kata]\nenable_debug = \"yes\""))
    expect(h, "wrong type in the configuration",
           [conf + ":", "agent.kata.enable_debug: expected a boolean, got a string"], config=conf)
    open(conf, "w").write(text.replace("[agent.kata]", "initrd = \"/x\"\n[agent.kata]"))
    expect(h, "image and initrd", ["both image and initrd"], config=conf)
    open(conf, "w").write("")
    expect(h, "an empty configuration", [conf, "no [hypervisor.NAME] section"], config=conf)
    expect(h, "no configuration", [h.work + "/none.toml", "No such file"], config=h.work + "/none.toml")
    open(conf, "w").write("[hypervisor.qemu]\nfoo = 1\n" + text.split("\n", 1)[1])
    code, out, err = h.run("run", "--bundle", h.bundle, "good", config=conf)
    tap.ok(code == 0 and '%s:2: unknown key "hypervisor.qemu.foo"' % conf in err,
           "an unknown key is a warning with file and line", "%s\n%s" % (code, err))
    open(conf, "w").write(text.replace("[agent.kata]", "enable_iommu = true\n[agent.kata]"))
    code, out, err = h.run("run", "--bundle", h.bundle, "good", config=conf)
    tap.ok(code == 0 and '"hypervisor.qemu.enable_iommu" is not supported yet' in err,
           "a key that is not acted on is a warning", "%s\n%s" % (code, err))


def check_guest(h):
    conf = h.work + "/bad.toml"

    write_config(conf, kernel_params="init=/nonexistent")
    expect(h, "a guest that panics", ["launch step 'agent'", "panicked", "init"], config=conf, lines=None)
    initrd = sleeping_initrd(h.work + "/sleeping.img")
    write_config(conf, image=None, initrd=initrd)
    text = open(conf).read().replace("dial_timeout = 60", "dial_timeout = 12")
    open(conf, "w").write(text)
    expect(h, "a guest that never answers",
           ["launch step 'agent'", "within 12 s", "last console lines", "no agent in here"], config=conf, lines=None)


def check_commands(h):
    for args, texts in ((["nosuch"], ['Invalid command "nosuch"']), (["run", "-b", h.bundle], ["expected one container id"]),
                        (["run", "--nosuch", "x"], ["flag provided but not defined: -nosuch"]),
                        (["run", "../x"], ["invalid container id"]), (["kill", "x", "NOSIG"], ['unknown signal "NOSIG"']),
                        (["state", "x"], ['container "x" does not exist']), (["pause", "x"], ['container "x" does not exist']), (["ps", "x"], ["not supported yet"]),
                        (["--log-format", "xml", "list"], ['unknown log-format "xml"']),
                        (["spec", "--bundle", h.bundle], ["exists"])):
        code, out, err = h.run(*args)
        tap.ok(code == 1 and all(t in err for t in texts) and len(err.splitlines()) == 1,
               "kata-runtime " + " ".join(a for a in args if a != h.bundle), "%s\n%s" % (code, err))


def main():
    skip_all_unless_ready(tap)
    h = Host(USER_ID if os.geteuid() == 0 else None)
    if os.geteuid() != 0:
        h.user = os.geteuid()
    try:
        check_commands(h)
        check_config(h)
        check_spec(h)
        check_assets(h)
        check_guest(h)
    finally:
        h.end()
    tap.end()


main()
