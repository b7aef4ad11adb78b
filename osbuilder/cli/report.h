/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdbool.h>
#include "base/error.h"
#include "base/strbuf.h"
#include "cli/command.h"
#include "progress.h"

/*
 * What a command says while it works, of the stages, warnings and outputs that the library tells (progress.h).
 *
 *   live	one line on a terminal, drawn again at most ten times a second
 *   plain	a line a stage when it ends, with counts and seconds; one every ten seconds of a long stage
 *   quiet	warnings only
 *   JSON	one object a line, for programs; see below
 *
 * Standard error is for people: live when it is a terminal, else plain (verify, extract, diff: quiet), unless --quiet or $OSBUILDER_PROGRESS (live, plain, quiet) say
 * another. JSON goes to standard output or to the file of --json-file (/dev/fd/N for an open descriptor), and standard error then gets
 * nothing but the error.
 *
 * JSON objects have a member "event"; a reader passes over events and members that it does not know:
 *
 *	start		format (1), program ("osbuilder"), version, command
 *	stage-begin	stage, and where known: what, items_total, bytes_total
 *	progress	as stage-begin, and items, bytes, usec; at most five a second
 *	stage-end	as progress, when the stage is done
 *	warning		message
 *	result		the last: status (that of the program), error, hint (strings or null), outputs: [{kind, path, size, sha512,
 *			sha512_size (of the first bytes, so many), root_hash}], null when there is none; with unchanged: true when nothing
 *			had to be done; empty on failure
 *
 * stage is resolve, fetch, unpack, passes, write or seal; stages may overlap and come again. what is the type of a source or the path of an
 * output; items are packages. usec counts from the stage's beginning. Bytes of paths and messages that are not UTF-8 appear as \xHH.
 */
enum report_style { REPORT_QUIET, REPORT_PLAIN, REPORT_LIVE, REPORT_JSON };

struct report_args {
	bool quiet, json;
	const char *json_file;
	/* Of a command whose result is on standard output: nothing but warnings where there is no terminal. */
	bool only_live;
};
/* For commands whose args begin with a struct report_args. */
extern const struct cli_option cli_report_options[];

struct report {
	struct progress progress; /* for the library */
	enum report_style style;
	int fd; /* of the lines */
	bool fd_owned, open, drawn;
	const char *where;     /* name of fd for errors */
	int failed;	       /* the first error of writing JSON */
	struct strbuf line;    /* scratch */
	struct strbuf outputs; /* JSON: what the result lists */
};
#define REPORT_INIT                                                   \
	{                                                             \
		.fd = -1, .line = STRBUF_INIT, .outputs = STRBUF_INIT \
	}

int report_open(struct report *r, const struct report_args *a, const struct cli_command *c,
		struct error *err);
/* The end of the command, which returns what this returns: `code` and err, or the error of writing the JSON. */
int report_finish(struct report *r, const struct cli_command *c, int code, struct error *err);
/* Takes the line off the terminal, for who is about to write there himself. */
void report_clear(struct report *r);
void report_close(struct report *r);
#define _cleanup_report_ _cleanup_(report_close)

/*
 * The lines themselves, for tests; without newline. 0 or -ENOMEM.
 */
/* At most `width` columns (bytes: it is ASCII). */
int report_live_line(const struct progress_state *s, size_t width, struct strbuf *out);
int report_plain_line(enum progress_event e, const struct progress_state *s, struct strbuf *out);
int report_json_line(enum progress_event e, const struct progress_state *s, struct strbuf *out);
/* "0 B", "1023 B", "1.0 KiB" ... */
int report_size(uint64_t bytes, struct strbuf *out);

#endif
