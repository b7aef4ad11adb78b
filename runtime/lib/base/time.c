/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"

#include <stdbool.h>
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

static bool is_leap(uint64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/*
 * UTC needs no time zones: gmtime_r() and strftime() would bring glibc's files of zones, scanf and all sorts of floating point into the
 * agent, an eighth of its size.
 */
char *time_rfc3339(char *buf, uint64_t wall_nsec)
{
	static const uint8_t lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	uint64_t sec = wall_nsec / NSEC_PER_SEC, days = sec / 86400, year = 1970;
	unsigned int month = 0;

	sec %= 86400;
	while (days >= (is_leap(year) ? 366u : 365u))
		days -= is_leap(year++) ? 366 : 365;
	for (;; month++) {
		unsigned int n = lengths[month] + (month == 1 && is_leap(year));

		if (days < n)
			break;
		days -= n;
	}
	snprintf(buf, TIME_RFC3339_MAX, "%04u-%02u-%02uT%02u:%02u:%02u.%09uZ", (unsigned)year,
		 month + 1, (unsigned)days + 1, (unsigned)(sec / 3600), (unsigned)(sec / 60 % 60),
		 (unsigned)(sec % 60), (unsigned)(wall_nsec % NSEC_PER_SEC));
	return buf;
}
