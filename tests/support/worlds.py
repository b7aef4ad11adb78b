# SPDX-License-Identifier: Apache-2.0
"""What must not show in an image, as arguments for subprocess: a world that differs from the one we are in by clock, processors,
time zone, locale, umask and home directory."""

import glob
import os
import shutil
import subprocess

FAKETIME = "/usr/lib/*/faketime/libfaketimeMT.so.1"
# Where a letter's case is not ASCII's.
LOCALE = "tr_TR.UTF-8"


def later():
    """The environment of a process and its children whose clock is an hour and some ahead; empty without Debian's faketime."""
    lib = glob.glob(FAKETIME)
    if not lib:
        return {}
    return {"LD_PRELOAD": lib[0], "FAKETIME": "+4001s", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "0"}


def one_processor():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def locale(top):
    """A locale of a country whose alphabet surprises programs, made below top; C.UTF-8 where its source is not installed."""
    path = shutil.which("localedef")
    if not path or not os.path.exists("/usr/share/i18n/locales/tr_TR"):
        return {"LC_ALL": "C.UTF-8"}
    os.makedirs(f"{top}/locale", exist_ok=True)
    p = subprocess.run([path, "-i", "tr_TR", "-f", "UTF-8", f"{top}/locale/{LOCALE}"], capture_output=True, check=False)
    if p.returncode:
        return {"LC_ALL": "C.UTF-8"}
    for d, _, names in os.walk(f"{top}/locale"):
        os.chmod(d, 0o755)
        for n in names:
            os.chmod(os.path.join(d, n), 0o644)
    return {"LC_ALL": LOCALE, "LANG": LOCALE, "LANGUAGE": "tr", "LOCPATH": f"{top}/locale"}


def other(top):
    """env, umask and what else: for run(..., **other(TMP)), whose env is to be merged into that of the caller."""
    return {"env": {"TZ": "Asia/Kathmandu", "HOME": "/nonexistent", **locale(top), **later()}, "umask": 0o077, "preexec_fn": one_processor}
