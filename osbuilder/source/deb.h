/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_DEB_H
#define SOURCE_DEB_H

#include "source/layer.h"
#include "source/source.h"

/* For osbuilder/source/ only: reads a binary package (see source_unpack_deb()) without a tree. */
int deb_read(struct layer *l, struct layer_spool *spool, const void *data, size_t len,
	     const char *deb_arch, struct source_package_info *ret, struct error *err);

#endif
