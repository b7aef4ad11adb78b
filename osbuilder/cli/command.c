/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/parse.h"

#define HELP_COLUMN 27 /* where the text about an option begins */

int cli_set_string(const struct cli_option *o, const char *value, void *args, struct error *err)
{
	*(const char **)((char *)args + o->field) = value;
	return 0;
}

int cli_set_flag(const struct cli_option *o, const char *value, void *args, struct error *err)
{
	*(bool *)((char *)args + o->field) = true;
	return 0;
}

int cli_add_string(const struct cli_option *o, const char *value, void *args, struct error *err)
{
	struct strv *list = (struct strv *)(void *)((char *)args + o->field);

	return strv_add(list, value) < 0 ? error_oom(err) : 0;
}

int cli_number(const struct cli_option *o, const char *value, const char *unit, uint64_t min,
	       uint64_t max, uint64_t *ret, struct error *err)
{
	uint64_t v;

	if (parse_u64(value, 10, &v) < 0 || v < min || v > max)
		return error_set(err, -EINVAL, "--%s '%s' is not a number%s%s from %llu to %llu",
				 o->name, value, unit ? " of " : "", unit ? unit : "",
				 (unsigned long long)min, (unsigned long long)max);
	*ret = v;
	return 0;
}

static const struct cli_option *find_option(const struct cli_command *c, const char *name,
					    size_t len)
{
	for (size_t k = 0; c->options[k]; k++)
		for (const struct cli_option *o = c->options[k]; o->name; o++)
			if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
				return o;
	return NULL;
}

/* arg is "--name" or "--name=value", next what follows it. 1: next was taken, too. */
static int read_option(const struct cli_command *c, const char *arg, const char *next, void *args,
		       struct error *err)
{
	const char *eq = strchrnul(arg, '='), *value = NULL;
	const struct cli_option *o =
		arg[1] == '-' ? find_option(c, arg + 2, (size_t)(eq - arg - 2)) : NULL;
	int r;

	if (!o || (!o->value && *eq))
		return error_set(err, -EINVAL, "%s: unknown option '%s'", c->name, arg);
	if (o->value)
		value = *eq ? eq + 1 : next;
	if (o->value && !value)
		return error_set(err, -EINVAL, "%s: option '%s' needs a value", c->name, arg);
	r = o->set(o, value, args, err);
	if (r < 0)
		return error_wrap(err, r, "%s", c->name);
	return value == next && value ? 1 : 0;
}

static int print_help(const struct cli_command *c, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (cli_help(c, &text) < 0)
		return error_oom(err);
	return fputs(text.buf, stdout) < 0 ? error_sys(err, -errno, "cannot write help") : 1;
}

int cli_read(const struct cli_command *c, int argc, char **argv, void *args, struct error *err)
{
	bool options = true;
	int n = 0;

	for (int i = 1; i < argc; i++) {
		char *arg = argv[i];
		int r;

		if (!options || arg[0] != '-' || !arg[1]) {
			argv[++n] = arg; /* n has not passed i */
			continue;
		}
		if (str_eq(arg, "--")) {
			options = false;
			continue;
		}
		if (str_eq(arg, "--help") || str_eq(arg, "-h"))
			return print_help(c, err);
		r = read_option(c, arg, i + 1 < argc ? argv[i + 1] : NULL, args, err);
		if (r < 0)
			return r;
		i += r;
	}
	argv[n + 1] = NULL;
	if (n == c->n_operands || c->n_operands == CLI_ANY)
		return 0;
	if (!c->n_operands)
		return error_set(err, -EINVAL, "%s: unexpected argument '%s'", c->name, argv[1]);
	return error_set(err, -EINVAL, "%s: %s", c->name, c->operands);
}

int cli_operands(char *const *argv)
{
	int n = 0;

	while (argv[n + 1])
		n++;
	return n;
}

int cli_status(const struct cli_command *c, int code)
{
	if (code >= 0)
		return code;
	if (code == -EBADMSG && c->refuted)
		return c->refuted;
	return c->failed ? c->failed : 1;
}

const char *cli_hint(const struct error *err)
{
	if (err->hint)
		return err->hint;
	switch (-err->code) {
	case ENOSPC:
	case EDQUOT:
		return "free some space where the outputs and the cache are, or choose other places "
		       "(--cache for the cache)";
	case ESTALE:
		return "make the lock file again: osbuilder lock, with the same --recipe and --arch";
	case EROFS:
		return "choose an output or cache on a file system that can be written to";
	case EMFILE:
	case ENFILE:
		return "raise the limit of open files (ulimit -n)";
	default:
		return NULL;
	}
}

/* "  --name VALUE   text", later lines of the text below it. */
static int help_option(const struct cli_option *o, struct strbuf *out)
{
	size_t begin = out->len;
	int r = strbuf_addf(out, "  --%s%s%s", o->name, o->value ? " " : "",
			    o->value ? o->value : "");

	if (r == 0 && out->len - begin + 2 > HELP_COLUMN) {
		r = strbuf_addch(out, '\n');
		begin = out->len;
	}
	for (const char *line = o->help; r == 0 && line;) {
		size_t len = strcspn(line, "\n");
		int pad = HELP_COLUMN - (int)(out->len - begin);

		r = strbuf_addf(out, "%*s%.*s\n", pad, "", (int)len, line);
		line = line[len] ? line + len + 1 : NULL;
		begin = out->len;
	}
	return r;
}

int cli_help(const struct cli_command *c, struct strbuf *out)
{
	static const struct cli_option help = { .name = "help", .help = "this text" };
	int r = strbuf_addf(out, "usage: osbuilder %s %s\n\n", c->name, c->synopsis);

	if (r == 0 && c->about)
		r = strbuf_addf(out, "%s\n\n", c->about);
	for (size_t k = 0; r == 0 && c->options[k]; k++)
		for (const struct cli_option *o = c->options[k]; r == 0 && o->name; o++)
			r = help_option(o, out);
	if (r == 0)
		r = help_option(&help, out);
	return r == 0 && c->help_end ? c->help_end(out) : r;
}

const struct cli_command *cli_find(const char *name)
{
	for (size_t i = 0; cli_commands[i]; i++)
		if (str_eq(cli_commands[i]->name, name))
			return cli_commands[i];
	return NULL;
}

int cli_help_all(struct strbuf *out)
{
	int r = strbuf_addstr(out, "usage: osbuilder COMMAND [OPTION...]\n\n"
				   "Commands (osbuilder help COMMAND says more):\n");

	for (size_t i = 0; r == 0 && cli_commands[i]; i++)
		r = strbuf_addf(out, "  %-10s %s\n", cli_commands[i]->name, cli_commands[i]->brief);
	return r < 0 ? r
		     : strbuf_addstr(out, "\n"
					  "  --help     this text\n"
					  "  --version  the version of osbuilder\n");
}
