/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include "base/options.h"
#include "base/strbuf.h"
#include "runk/runk.h"
#include "runk/state.h"

static void print_row(const struct state *s)
{
	enum status st = state_status(s);
	char owner[16];

	snprintf(owner, sizeof(owner), "#%u", s->owner);
	printf("%-12s   %-9d   %-9s   %s   %s   %s\n", s->id,
	       st == STATUS_STOPPED ? 0 : (int)s->pid, status_text(st), s->bundle ? s->bundle : "",
	       s->created ? s->created : "", s->owner ? owner : "root");
}

int cmd_list(const struct runk *rk, int argc, char **argv, struct error *err)
{
	const char *format = "table";
	bool quiet = false, json;
	const struct option_def defs[] = {
		{ "format", "f", OPTION_STRING, &format, "table|json", "how to print (table)" },
		{ "quiet", "q", OPTION_FLAG, &quiet, NULL, "ids only" },
	};
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_strv_ struct strv ids = STRV_INIT;
	struct json_out o;
	int next;

	if (options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, err) < 0)
		return 1;
	json = strcmp(format, "json") == 0;
	if (!json && strcmp(format, "table") != 0) {
		error_set(err, -EINVAL, "invalid format option \"%s\"", format);
		return 1;
	}
	if (state_ids(rk->root, &ids, err) < 0)
		return 1;
	json_out_init(&o, &sb, NULL);
	json_out_array(&o, NULL);
	if (!json && !quiet)
		printf("%-12s   %-9s   %-9s   BUNDLE   CREATED   OWNER\n", "ID", "PID", "STATUS");
	for (size_t i = 0; i < ids.n; i++) {
		_cleanup_state_ struct state s = STATE_INIT;

		if (state_load(rk->root, ids.v[i], &s, NULL) < 0)
			continue; /* deleted meanwhile */
		if (quiet)
			puts(s.id);
		else if (json)
			state_json(&s, &o, NULL, true);
		else
			print_row(&s);
	}
	json_out_end(&o);
	if (json_out_finish(&o) < 0)
		error_oom(err);
	else if (json && !quiet)
		puts(sb.buf);
	return 0;
}
