/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdlib.h>

#include "base/parse.h"

/* File systems hold times as 34 bits from 1901 on (ext4 with extra bits); upstream tools take 32 bits. Take those. */
#define EPOCH_MAX INT64_C(0xffffffff)

int cli_epoch(const char *option, int64_t *ret, struct error *err)
{
	const char *text = option ? option : getenv("SOURCE_DATE_EPOCH");
	uint64_t v;

	if (!text)
		return 0;
	if (parse_u64(text, 10, &v) < 0 || v > (uint64_t)EPOCH_MAX)
		return error_set(err, -EINVAL, "%s: '%s' is not a number of seconds from 0 to %lld",
				 option ? "--source-date-epoch" : "SOURCE_DATE_EPOCH", text,
				 (long long)EPOCH_MAX);
	*ret = (int64_t)v;
	return 1;
}
