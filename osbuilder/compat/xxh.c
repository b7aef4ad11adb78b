/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/xxh.h"

#include <string.h>
#include <xxhash.h>

/* The state is opaque to users and aligned by its own allocator. */
static XXH3_state_t *state(struct xxh *x)
{
	return (XXH3_state_t *)(void *)x;
}

int xxh_new(struct xxh **ret)
{
	XXH3_state_t *s = XXH3_createState();

	if (!s)
		return -ENOMEM;
	XXH3_128bits_reset(s);
	*ret = (struct xxh *)(void *)s;
	return 0;
}

void xxh_reset(struct xxh *x)
{
	XXH3_128bits_reset(state(x));
}

void xxh_free(struct xxh *x)
{
	XXH3_freeState(state(x));
}

void xxh_add(struct xxh *x, const void *data, size_t len)
{
	/* Fails only without a state. */
	XXH3_128bits_update(state(x), data, len);
}

void xxh_get(const struct xxh *x, uint8_t out[XXH_SIZE])
{
	XXH128_hash_t h = XXH3_128bits_digest((const XXH3_state_t *)(const void *)x);
	XXH128_canonical_t c;

	XXH128_canonicalFromHash(&c, h);
	memcpy(out, c.digest, XXH_SIZE);
}
