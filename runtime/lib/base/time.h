/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include <stddef.h>
#include <stdint.h>

#define USEC_PER_SEC  1000000ULL
#define USEC_PER_MSEC 1000ULL
#define NSEC_PER_SEC  1000000000ULL

uint64_t time_mono_usec(void); /* CLOCK_MONOTONIC */
uint64_t time_boot_usec(void); /* CLOCK_BOOTTIME: in a guest, since the kernel started its clock */
uint64_t time_wall_nsec(void); /* CLOCK_REALTIME since the epoch */
/* RFC 3339 with nanoseconds in UTC, as in 2026-01-02T03:04:05.000000000Z. buf of TIME_RFC3339_MAX bytes; returns buf. */
#define TIME_RFC3339_MAX 40
char *time_rfc3339(char *buf, uint64_t wall_nsec);

#endif
