/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>
#include "base/compiler.h"

/*
 * Logging, for programs' boundaries only: libraries return errors instead. One line per call, written with one write(2).
 * Text is logfmt with upstream's fields (time= level= msg= name= pid= source=); JSON has the same keys, for the agent the
 * keys of upstream's agent (msg level ts subsystem name pid source version). The syslog sink is the /dev/log datagram socket.
 */
enum log_level { LOG_L_ERROR, LOG_L_WARN, LOG_L_INFO, LOG_L_DEBUG, LOG_L_TRACE };
enum log_format { LOG_F_TEXT, LOG_F_JSON, LOG_F_PLAIN /* "name: message", for command lines */ };

struct log_config {
	const char *name;     /* program; kept by pointer */
	const char *source;   /* upstream's "source" field, e.g. "runtime", "agent" */
	enum log_level level; /* lines above it are dropped */
	enum log_format format;
	int fd;	    /* -1: none. Not owned. */
	int syslog; /* nonzero: also to the system log, tagged with name */
};
/* Until called: level warn, plain, to stderr. The configuration is copied. */
void log_init(const struct log_config *cfg);
void log_set_level(enum log_level level);
/* -EINVAL for an unknown word; accepts upstream's: critical fatal panic error warn warning info debug trace. */
int log_level_parse(const char *word, enum log_level *ret);
/* A field that is added to every later line (sandbox=, container=...). At most 4; copied; NULL value removes. -ENOSPC. */
int log_set_field(const char *key, const char *value);
void log_write(enum log_level level, const char *fmt, ...) _printf_(2, 3);
void log_vwrite(enum log_level level, const char *fmt, va_list ap) _printf_(2, 0);

#define log_error(...) log_write(LOG_L_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_L_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_L_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_L_DEBUG, __VA_ARGS__)

#endif
