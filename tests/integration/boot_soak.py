#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many containers in a guest of 512 MB with the agent as PID 1: one after another, and at once.

KATA_SOAK_FULL=1: 1,000 cycles of create, start, exec, kill and remove, and 200 containers at once; else a short form of both. The
client is tests/unit/guest-agent/service/test_agent_soak, which fails when anything is left or a container costs too much. Environment
as for boot_agent.py.
"""

import os
import re
import sys
import tempfile

import boot_agent as guest

FULL = os.environ.get("KATA_SOAK_FULL") == "1"
CYCLES, CONTAINERS = (1000, 200) if FULL else (60, 60)
guest.CLIENT = os.path.join(os.path.dirname(guest.CLIENT), "test_agent_soak")
guest.TIMEOUT = max(guest.TIMEOUT, 1800 if FULL else 300)

INIT = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
(
until [ -S /run/agent.sock ]; do /bin/busybox sleep 0.1; done
export KATA_TEST_AGENT_ADDR=unix:///run/agent.sock KATA_SOAK_CYCLES=%d KATA_SOAK_CONTAINERS=%d
/client 2>&1
echo "CLIENT $?"
) &
exec /sbin/kata-agent
"""

NAMES = [
    "%d cycles leave nothing" % CYCLES,
    "%d containers at once" % CONTAINERS,
    "the guest ends by itself",
]


def main():
    why = guest.missing()
    if why:
        print("1..1\nok 1 - many containers in a guest # SKIP " + why)
        return 0
    tap = guest.Tap(NAMES)
    with tempfile.TemporaryDirectory(prefix="boot-soak-") as tmp:
        initrd = os.path.join(tmp, "initrd")
        guest.make_initrd(initrd, (INIT % (CYCLES, CONTAINERS)).encode())
        code, log = guest.boot(initrd, "agent.log=error agent.server_addr=unix:///run/agent.sock")
    for line in re.findall(r"SOAK .*", log):
        print("# " + line.strip())
    tap.check(re.search(r"\[       OK \] test_cycles", log) is not None, NAMES[0], log)
    tap.check(re.search(r"\[       OK \] test_many_at_once", log) is not None, NAMES[1], log)
    tap.check(code == 0 and "reboot: Power down" in log, NAMES[2], log)
    return 1 if tap.bad else 0


if __name__ == "__main__":
    sys.exit(main())
