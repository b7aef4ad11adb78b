/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"

#include <stdio.h>
#include <time.h>

static uint64_t now(clockid_t id)
{
	struct timespec ts = { 0, 0 };

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t time_mono_usec(void)
{
	return now(CLOCK_MONOTONIC) / 1000;
}

uint64_t time_boot_usec(void)
{
	return now(CLOCK_BOOTTIME) / 1000;
}

uint64_t time_wall_nsec(void)
{
	return now(CLOCK_REALTIME);
}

char *time_rfc3339(char *buf, uint64_t wall_nsec)
{
	time_t sec = (time_t)(wall_nsec / NSEC_PER_SEC);
	struct tm tm = { 0 };
	size_t n;

	gmtime_r(&sec, &tm);
	n = strftime(buf, TIME_RFC3339_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, TIME_RFC3339_MAX - n, ".%09uZ", (unsigned)(wall_nsec % NSEC_PER_SEC));
	return buf;
}
