/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "oci/spec_pb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *pack(struct arena *a, const struct oci_spec *spec, size_t *ret_len)
{
	Grpc__Spec *msg = oci_spec_to_pb(a, spec);
	uint8_t *bytes;

	if (!msg)
		abort();
	*ret_len = grpc__spec__get_packed_size(msg);
	bytes = malloc(*ret_len ? *ret_len : 1);
	if (!bytes)
		abort();
	grpc__spec__pack(msg, bytes);
	return bytes;
}

/* What was read once must survive being sent and read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_oci_spec_ struct oci_spec *spec = NULL, *again = NULL;
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_free_ uint8_t *first = NULL, *second = NULL;
	struct error err = ERROR_INIT;
	size_t n_first, n_second;
	Grpc__Spec *msg = grpc__spec__unpack(NULL, size, data);
	int r;

	if (!msg)
		return 0;
	r = oci_spec_from_pb(msg, &spec, &err);
	grpc__spec__free_unpacked(msg, NULL);
	if (r < 0) {
		if (err.code != r || !err.msg[0])
			abort();
		return 0;
	}
	oci_spec_validate(spec, &err);
	first = pack(&a, spec, &n_first);
	msg = grpc__spec__unpack(NULL, n_first, first);
	if (!msg || oci_spec_from_pb(msg, &again, &err) < 0)
		abort();
	grpc__spec__free_unpacked(msg, NULL);
	second = pack(&a, again, &n_second);
	if (n_first != n_second || memcmp(first, second, n_first) != 0)
		abort();
	return 0;
}
