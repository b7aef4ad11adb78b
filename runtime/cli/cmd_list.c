/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/options.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/known.h"
#include "codec/json.h"

static void add_json(struct json_out *o, const struct known *k)
{
	const struct state *s = &k->state;
	char owner[16];

	snprintf(owner, sizeof(owner), "#%u", s->owner);
	json_out_object(o, NULL);
	json_out_string(o, "ociVersion", CLI_OCI_VERSION);
	json_out_string(o, "id", s->id);
	json_out_i64(o, "pid", known_pid(k));
	json_out_string(o, "status", s->status);
	json_out_string(o, "bundle", s->bundle);
	json_out_string(o, "rootfs", s->rootfs);
	json_out_string(o, "created", s->created);
	json_out_string(o, "owner", owner);
	json_out_end(o);
}

static void print_row(const struct known *k)
{
	const struct state *s = &k->state;

	printf("%-12s   %-9d   %-9s   %s   %s   #%u\n", s->id, (int)known_pid(k), s->status,
	       s->bundle, s->created ? s->created : "", s->owner);
}

int cmd_list(const struct cli *cli, int argc, char **argv, struct error *err)
{
	const char *format = "table";
	bool quiet = false, all = false, json;
	const struct option_def defs[] = {
		{ "format", "f", OPTION_STRING, &format, "table|json", "" },
		{ "quiet", "q", OPTION_FLAG, &quiet, NULL, "" },
		{ "kata-all", NULL, OPTION_FLAG, &all, NULL, NULL },
	};
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_strv_ struct strv ids = STRV_INIT;
	_cleanup_free_ char *root = NULL;
	struct json_out o;
	int next, r = options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, err);

	if (r < 0)
		return r;
	json = strcmp(format, "json") == 0;
	if (!json && strcmp(format, "table") != 0)
		return error_set(err, -EINVAL, "invalid format option \"%s\"", format);
	r = instance_root(cli->root, &root, err);
	if (r == 0)
		r = instance_list(root, &ids, err);
	if (r < 0)
		return r;
	json_out_init(&o, &sb, NULL);
	json_out_array(&o, NULL);
	if (!json && !quiet)
		printf("%-12s   %-9s   %-9s   BUNDLE   CREATED   OWNER\n", "ID", "PID", "STATUS");
	for (size_t i = 0; i < ids.n; i++) {
		_cleanup_known_ struct known k = KNOWN_INIT;

		/* One that vanished, or is half-made, is nothing to list. */
		if (known_need(&k, cli, ids.v[i], NULL) < 0)
			continue;
		if (quiet)
			puts(k.state.id);
		else if (json)
			add_json(&o, &k);
		else
			print_row(&k);
	}
	json_out_end(&o);
	if (json_out_finish(&o) < 0)
		return error_oom(err);
	if (json && !quiet)
		puts(sb.buf);
	return 0;
}
