/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNK_SEAL_H
#define RUNK_SEAL_H

#include "base/error.h"

/*
 * Starts this program again from a copy of it that cannot be written, unless it runs from one. What a container executes right after
 * can reach the program's file by /proc/PID/exe (CVE-2019-5736): with "#!/proc/self/exe" as its entry point, it could open that for
 * writing once the interpreter has ended. The copy is a private read-only mount of the file, which costs one execve; where a mount is
 * not allowed, a sealed memory file.
 */
int seal_self(char **argv, struct error *err);

#endif
