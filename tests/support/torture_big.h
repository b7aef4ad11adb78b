/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUPPORT_TORTURE_BIG_H
#define TESTS_SUPPORT_TORTURE_BIG_H

#include <stdint.h>
#include "tree/tree.h"

/*
 * A tree of full size: BIG_FILES files over directories of 1000, names of 255 bytes and names that are not UTF-8, one
 * directory of BIG_DIR entries, BIG_LINKS hard links of one inode over as many directories, hard links of every type, a
 * sparse file of 5 GiB with data on both sides of 4 GiB, paths of the greatest length and depth, every type, times with
 * nanoseconds, before 1970 and after 2106, extended attributes of the classes user, trusted, security and the two ACLs.
 */
#define BIG_FILES  100000
#define BIG_DIR	   20000
#define BIG_LINKS  200
#define BIG_SPARSE (UINT64_C(5) << 30)
#define BIG_EPOCH  1700000000

/* Ends the program when it cannot be made. */
struct tree *torture_big(void);

#endif
