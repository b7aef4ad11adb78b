/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/resources.h"

#include <string.h>
#include "base/parse.h"
#include "codec/json.h"

enum kind {
	BYTES,	/* 512m, plain numbers, -1 */
	NUMBER, /* -1 or more */
	TEXT,
};

/* By group, as the JSON has them. */
static const struct limit {
	const char *name, *group, *key, *help;
	enum kind kind;
} limits[RESOURCE_LIMITS] = {
	{ "memory", "memory", "limit", "bytes; k m g; -1: no limit", BYTES },
	{ "memory-reservation", "memory", "reservation", "bytes that are not taken away", BYTES },
	{ "memory-swap", "memory", "swap", "bytes of memory and swap together", BYTES },
	{ "kernel-memory", "memory", "kernel", "bytes of kernel memory", BYTES },
	{ "kernel-memory-tcp", "memory", "kernelTCP", "bytes of TCP buffers", BYTES },
	{ "cpu-share", "cpu", "shares", "weight, 1024 is one processor's", NUMBER },
	{ "cpu-quota", "cpu", "quota", "microseconds a period; -1: no limit", NUMBER },
	{ "cpu-period", "cpu", "period", "microseconds", NUMBER },
	{ "cpu-rt-runtime", "cpu", "realtimeRuntime", "microseconds a period", NUMBER },
	{ "cpu-rt-period", "cpu", "realtimePeriod", "microseconds", NUMBER },
	{ "cpuset-cpus", "cpu", "cpus", "processors, as 0-2,5", TEXT },
	{ "cpuset-mems", "cpu", "mems", "memory nodes", TEXT },
	{ "pids-limit", "pids", "limit", "processes; -1: no limit", NUMBER },
};

void resource_options(struct resource_options *o, struct option_def defs[RESOURCE_OPTIONS])
{
	const struct option_def others[] = {
		{ "resources", "r", OPTION_STRING, &o->file, "FILE",
		  "limits as JSON; -: from stdin" },
		{ "l3-cache-schema", NULL, OPTION_STRING, &o->l3_cache, "TEXT", NULL },
	};

	for (size_t i = 0; i < RESOURCE_LIMITS; i++)
		defs[i] = (struct option_def){ limits[i].name, NULL,	OPTION_STRING,
					       &o->limits[i],  "VALUE", limits[i].help };
	memcpy(defs + RESOURCE_LIMITS, others, sizeof(others));
}

static int add_limit(struct json_out *j, const struct limit *l, const char *text, struct error *err)
{
	int64_t v = 0;
	int r;

	if (l->kind == TEXT) {
		json_out_string(j, l->key, text);
		return 0;
	}
	r = l->kind == BYTES ? parse_limit(text, &v) : parse_i64(text, 10, &v);
	if (r < 0 || v < -1)
		return error_set(err, -EINVAL, "invalid value for --%s: \"%.64s\"", l->name, text);
	json_out_i64(j, l->key, v);
	return 0;
}

int resource_json(const struct resource_options *o, struct strbuf *out, struct error *err)
{
	const char *group = NULL;
	struct json_out j;
	int r = 0;

	if (o->l3_cache)
		return error_set(err, -EOPNOTSUPP,
				 "--l3-cache-schema is not supported: the cache is "
				 "not the guest's");
	json_out_init(&j, out, NULL);
	json_out_object(&j, NULL);
	for (size_t i = 0; i < RESOURCE_LIMITS && r == 0; i++) {
		const struct limit *l = &limits[i];

		if (!o->limits[i])
			continue;
		if (group && strcmp(group, l->group) != 0)
			json_out_end(&j);
		if (!group || strcmp(group, l->group) != 0)
			json_out_object(&j, l->group);
		group = l->group;
		r = add_limit(&j, l, o->limits[i], err);
	}
	if (r < 0)
		return r;
	if (!group)
		return error_set(err, -EINVAL, "no limit is given");
	json_out_end(&j);
	json_out_end(&j);
	return json_out_finish(&j) < 0 ? error_oom(err) : 0;
}
