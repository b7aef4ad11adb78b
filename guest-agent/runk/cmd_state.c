/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include "base/options.h"
#include "base/strbuf.h"
#include "runk/runk.h"
#include "runk/state.h"

int cmd_state(const struct runk *rk, int argc, char **argv, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_state_ struct state s = STATE_INIT;
	struct json_out o;
	const char *id;
	int next;

	if (options_parse(NULL, 0, argc, argv, &next, err) < 0 ||
	    runk_one_id(argc, argv, next, &id, err) < 0 || state_load(rk->root, id, &s, err) < 0)
		return 1;
	json_out_init(&o, &sb, "  ");
	state_json(&s, &o, NULL, true);
	if (json_out_finish(&o) < 0) {
		error_oom(err);
		return 1;
	}
	fputs(sb.buf, stdout);
	return 0;
}
