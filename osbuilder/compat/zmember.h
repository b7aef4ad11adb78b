/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPAT_ZMEMBER_H
#define COMPAT_ZMEMBER_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/*
 * Length of the gzip member (RFC 1952) at the start of data, trailer included: what follows is the next one. The content is
 * checked and thrown away; -EFBIG when it has more than max_out bytes, -EBADMSG when it is no complete member.
 */
int z_member_length(const void *data, size_t len, uint64_t max_out, size_t *ret_len,
		    struct error *err);

#endif
