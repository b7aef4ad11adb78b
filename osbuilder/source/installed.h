/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_INSTALLED_H
#define SOURCE_INSTALLED_H

#include "source/source.h"
#include "tree/tree.h"

/*
 * Which packages an image says it has, for images without a manifest: dpkg's status file (deb-control(5)), else apk's database
 * (its V2 format: P:, V:, A: lines), else the names in the summary osbuilder.yaml, which has no versions (version and arch are
 * empty then). A file over INSTALLED_FILE_MAX, or a line that is not understood, is passed over: images are not trusted, and
 * this is what they say about themselves. Only running out of memory is an error.
 */
#define INSTALLED_FILE_MAX (UINT64_C(64) << 20)
int installed_packages(struct tree *t, struct source_packages *ret);

#endif
