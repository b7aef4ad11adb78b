/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include "base/options.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/known.h"
#include "codec/json.h"

int cmd_state(const struct cli *cli, int argc, char **argv, struct error *err)
{
	_cleanup_known_ struct known k = KNOWN_INIT;
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct json_out o;
	int next, r = options_parse(NULL, 0, argc, argv, &next, err);

	if (r < 0)
		return r;
	if (argc - next != 1)
		return error_set(err, -EINVAL, "Expecting only one container ID, got %d",
				 argc - next);
	r = known_need(&k, cli, argv[next], err);
	if (r < 0)
		return r;
	json_out_init(&o, &sb, "  ");
	json_out_object(&o, NULL);
	json_out_string(&o, "ociVersion", CLI_OCI_VERSION);
	json_out_string(&o, "id", k.state.id);
	json_out_string(&o, "status", k.state.status);
	json_out_i64(&o, "pid", known_pid(&k));
	json_out_string(&o, "bundle", k.state.bundle);
	json_out_end(&o);
	r = json_out_finish(&o);
	if (r < 0)
		return error_sys(err, r, "state");
	/* Upstream prints no newline at the end. */
	strbuf_trim_end(&sb);
	fputs(sb.buf, stdout);
	return 0;
}
