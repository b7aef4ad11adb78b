/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_COPYUP_H
#define CONTAINER_COPYUP_H

#include "base/error.h"

/*
 * The mount option "tmpcopyup": what a directory holds, copied into the tmpfs that was mounted over it: directories, files, symbolic
 * links, device nodes and FIFOs with owner, mode and times. from: opened before the mount.
 */
#define COPYUP_MAX_DEPTH 128
int copyup(int from, int to, struct error *err);

#endif
