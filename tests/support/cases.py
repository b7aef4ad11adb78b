# SPDX-License-Identifier: Apache-2.0
"""Tests as decorated functions that report TAP, and running programs, as root or as the ordinary user that root becomes.

    @case("two builds give the same bytes")
    def _():
        assert run(tool("cmp"), a, b).returncode == 0

A case runs where it stands. It fails by an exception, and is skipped by Skip with the reason. finish() ends the program.
"""

import atexit
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

# Tests look at standard error; what tests of progress want, they say.
os.environ.setdefault("OSBUILDER_PROGRESS", "quiet")

UNPRIVILEGED = 65534
results = []


class Skip(Exception):
    pass


def case(name):
    def deco(fn):
        n = len(results) + 1
        try:
            fn()
            results.append(True)
            print(f"ok {n} - {name}", flush=True)
        except Skip as e:
            results.append(True)
            print(f"ok {n} - {name} # SKIP {e}", flush=True)
        except Exception as e:  # a test that breaks is a test that fails
            results.append(False)
            for line in str(e).splitlines() or [repr(e)]:
                print(f"# {line}")
            print(f"not ok {n} - {name}", flush=True)
        return fn
    return deco


def finish():
    """Ends the program: how many cases there were, and its exit status."""
    print(f"1..{len(results)}")
    sys.exit(0 if all(results) else 1)


def scratch_dir(name, top="/var/tmp"):
    """A new directory, which is removed when the program ends, by an exception, too."""
    path = tempfile.mkdtemp(prefix=f"{name}-", dir=top)
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def tool(name):
    """The path of a program; a case that needs one which is not there is skipped."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise Skip(f"{name} is not installed")
    return path


def run(*argv, ok=True, **kw):
    """The finished process with its output as text; with ok, any other exit than 0 is a failure."""
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **kw)
    if ok and p.returncode:
        raise AssertionError(f"{' '.join(argv)}: exit {p.returncode}\n{p.stdout}{p.stderr}")
    return p


def as_user():
    """Arguments for subprocess: root gives itself up; an ordinary user stays what it is."""
    if os.geteuid() == 0:
        return {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []}
    return {}


def described_sha512(path, size):
    """What a manifest says of a file: the SHA-512 of its first `size` bytes. Fails when anything but zeros follows them."""
    digest = hashlib.sha512()
    with open(path, "rb") as f:
        while size:
            data = f.read(min(size, 1 << 20))
            assert data, f"{path} is shorter than its manifest says"
            digest.update(data)
            size -= len(data)
        for data in iter(lambda: f.read(1 << 20), b""):
            assert not any(data), f"{path} has data behind what its manifest describes"
    return digest.hexdigest()
