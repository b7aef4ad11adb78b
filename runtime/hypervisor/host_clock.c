/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/qemu-internal.h"

#include <time.h>

#if defined(__x86_64__)
#include <x86intrin.h>

static uint64_t raw_nsec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* One reading of both clocks; of a few tries the one that was interrupted least. */
static uint64_t read_both(uint64_t *ret_tsc)
{
	uint64_t best = UINT64_MAX, when = 0;

	for (int i = 0; i < 5; i++) {
		uint64_t a = raw_nsec(), tsc = __rdtsc(), b = raw_nsec();

		if (b - a >= best)
			continue;
		best = b - a;
		when = a + (b - a) / 2;
		*ret_tsc = tsc;
	}
	return when;
}

uint64_t qemu_host_tsc_khz(void)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	uint64_t tsc1 = 0, tsc2 = 0, t1, t2;

	t1 = read_both(&tsc1);
	nanosleep(&pause, NULL);
	t2 = read_both(&tsc2);
	if (t2 <= t1 || tsc2 <= tsc1)
		return 0;
	return (tsc2 - tsc1) * 1000000u / (t2 - t1);
}

#else

uint64_t qemu_host_tsc_khz(void)
{
	return 0;
}

#endif
