/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/strbuf.h"
#include "base/strv.h"

/*
 * The commands of the osbuilder program: one file each, which ends in a struct cli_command, and a line in commands.c. Options are
 * rows of a table; reading them and --help come from the same rows, so what is accepted is shown. A new option is one row and, for
 * the manual, its paragraph in man/osbuilder.1 (a test compares).
 *
 *	struct pack_args { const char *format; bool keep_times; };
 *
 *	static const struct cli_option options[] = {
 *		{ "format", "NAME", "of OUT", CLI_STRING(struct pack_args, format) },
 *		{ "keep-times", NULL, "keep times", CLI_FLAG(struct pack_args, keep_times) },
 *		{ "level", "N", "of compression", set_level },	(a setter of the command's own)
 *		{ NULL },
 *	};
 */
struct cli_option {
	const char *name;  /* without the dashes; NULL ends a table */
	const char *value; /* what its value is called in help; NULL: it takes none */
	const char *help;  /* one line or more */
	/* value is NULL when it takes none. Errors name the option; cli_read() puts the command in front of them. */
	int (*set)(const struct cli_option *o, const char *value, void *args, struct error *err);
	size_t field; /* offset in args, for the setters that follow */
};

int cli_set_string(const struct cli_option *o, const char *value, void *args, struct error *err);
int cli_set_flag(const struct cli_option *o, const char *value, void *args, struct error *err);
int cli_add_string(const struct cli_option *o, const char *value, void *args, struct error *err);

/* For the two last columns of a row: a `const char *` that points into argv; a `bool` that becomes true; a `struct strv` that grows. */
#define CLI_STRING(type, member) cli_set_string, CLI_FIELD_(type, member, const char *)
#define CLI_FLAG(type, member)	 cli_set_flag, CLI_FIELD_(type, member, bool)
#define CLI_LIST(type, member)	 cli_add_string, CLI_FIELD_(type, member, struct strv)
/* The offset, when the member has that type; else it does not compile. */
#define CLI_FIELD_(type, member, want)                                                       \
	(offsetof(type, member) +                                                            \
	 0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((type *)0)->member), want) \
				 ? 1                                                         \
				 : -1]))

/* For setters: the value as a number from min to max; else "--NAME 'VALUE' is not a number of UNIT from MIN to MAX". unit may be NULL. */
int cli_number(const struct cli_option *o, const char *value, const char *unit, uint64_t min,
	       uint64_t max, uint64_t *ret, struct error *err);

#define CLI_TABLES_MAX 4
#define CLI_ANY	       -1
struct cli_command {
	const char *name;
	const char *brief;    /* for the list of commands */
	const char *synopsis; /* what follows the name in the usage line */
	const char *about;    /* lines of text; may be NULL */
	/* Tables of options, all with fields in the same args; NULL after the last. */
	const struct cli_option *options[CLI_TABLES_MAX + 1];
	int n_operands; /* CLI_ANY: run() looks itself */
	const char *
		operands; /* what is said when there are not as many: "exactly two files are needed" */
	/* More lines for help; may be NULL. */
	int (*help_end)(struct strbuf *out);
	/*
	 * argv[0] is the command's name. The exit status, or -errno with the one line that main() prints. Begins with cli_read().
	 */
	int (*run)(const struct cli_command *c, int argc, char **argv, struct error *err);
	int failed; /* exit status of an error; 0: 1 */
	int refuted; /* that of -EBADMSG, with which run() says that what it looked at is not so; 0: as any error */
};

/*
 * Options into args; the operands become argv[1] and so on, NULL after the last. "--name value", "--name=value", "--" ends the options. 1: help was
 * asked for, and printed. -EINVAL: an unknown option, a missing or refused value, too few or too many operands.
 */
int cli_read(const struct cli_command *c, int argc, char **argv, void *args, struct error *err);

/* How many there are, after cli_read(). */
int cli_operands(char *const *argv);

/* The program's exit status for what run() returned. */
int cli_status(const struct cli_command *c, int code);
/* What can be done about an error: what it says itself, else what its code tells; NULL: nobody knows. */
const char *cli_hint(const struct error *err);

/* What `osbuilder NAME --help` prints; 0 or -ENOMEM. */
int cli_help(const struct cli_command *c, struct strbuf *out);

/* All of them, NULL after the last. */
extern const struct cli_command *const cli_commands[];
const struct cli_command *cli_find(const char *name);
/* What `osbuilder --help` prints. */
int cli_help_all(struct strbuf *out);

#endif
