/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's clock follows the host's by the PTP device of KVM; the network's time servers are left alone. */
#include "pass/pass.h"

#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "pass/text.h"

static const char refclock[] =
	"refclock PHC /dev/ptp0 poll 3 dpoll -2 offset 0\n"
	/* step, not slew, whenever it is off by more than a second: a guest may have been stopped for long */
	"makestep 1 -1\n";

static bool is_time_source(const char *line)
{
	return str_after(line, "server ") || str_after(line, "pool ") || str_after(line, "peer ");
}

static int edit_conf(struct tree *t, const char *path, struct error *err)
{
	_cleanup_strbuf_ struct strbuf old = STRBUF_INIT, out = STRBUF_INIT;
	int r = pass_read_text(t, path, &old, err), k = 0;
	char *next = old.buf, *line;

	if (r < 0)
		return r;
	while (k == 0 && (line = pass_next_line(&next)))
		k = strbuf_addf(&out, "%s%s\n", is_time_source(line) ? "# " : "", line);
	if (k < 0 || strbuf_addstr(&out, refclock) < 0)
		return error_oom(err);
	return pass_write_text(t, path, &out, err);
}

/* "ExecStart=/usr/sbin/chronyd -u chrony -F 2" without the user, who need not exist in a guest. */
static int add_exec_start(struct strbuf *out, char *line)
{
	char *word;
	int r = 0;

	for (bool first = true; r == 0 && (word = pass_next_word(&line)); first = false) {
		if (str_eq(word, "-u"))
			pass_next_word(&line);
		else
			r = strbuf_addf(out, "%s%s", first ? "" : " ", word);
	}
	return r == 0 ? strbuf_addch(out, '\n') : r;
}

/* "/var/lib/chrony" with the dash that lets it be missing: the root file system is read-only. */
static int add_paths(struct strbuf *out, char *line)
{
	char *word;
	int r = 0;

	for (bool first = true; r == 0 && (word = pass_next_word(&line)); first = false) {
		const char *path = str_after(word, "ReadWritePaths=");
		bool var = str_eq(path ? path : word, "/var/lib/chrony") ||
			   str_eq(path ? path : word, "/var/log/chrony");

		r = strbuf_addf(out, "%s%s%s%s", first ? "" : " ", path ? "ReadWritePaths=" : "",
				var ? "-" : "", path ? path : word);
	}
	return r == 0 ? strbuf_addch(out, '\n') : r;
}

static int edit_unit(struct tree *t, const char *path, struct error *err)
{
	_cleanup_strbuf_ struct strbuf old = STRBUF_INIT, out = STRBUF_INIT;
	int r = pass_read_text(t, path, &old, err), k = 0;
	char *next = old.buf, *line;

	if (r <= 0)
		return r;
	while (k == 0 && (line = pass_next_line(&next))) {
		if (str_after(line, "ExecStart="))
			k = add_exec_start(&out, line);
		else if (str_after(line, "ReadWritePaths="))
			k = add_paths(&out, line);
		else
			k = strbuf_addf(&out, "%s%s\n",
					str_after(line, "StateDirectory") ||
							str_after(line, "LogsDirectory")
						? "#"
						: "",
					line);
		if (k == 0 && str_eq(line, "[Unit]"))
			k = strbuf_addstr(&out, "ConditionPathExists=/dev/ptp0\n");
	}
	return k < 0 ? error_oom(err) : pass_write_text(t, path, &out, err);
}

int pass_chrony(struct tree *t, struct error *err)
{
	static const char *const units[] = { "/usr/lib/systemd/system/chronyd.service",
					     "/usr/lib/systemd/system/chrony.service" };
	const char *conf = pass_exists(t, "/etc/chrony/chrony.conf") ? "/etc/chrony/chrony.conf"
								     : "/etc/chrony.conf";
	int r = 0;

	if (!pass_exists(t, "/usr/sbin/chronyd"))
		return 0;
	r = edit_conf(t, conf, err);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(units); i++)
		r = edit_unit(t, units[i], err);
	return r < 0 ? error_wrap(err, r, "chrony") : 0;
}
