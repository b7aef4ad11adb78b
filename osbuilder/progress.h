/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OSBUILDER_PROGRESS_H
#define OSBUILDER_PROGRESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/compiler.h"

/*
 * How far a build is, for who shows it. The library prints nothing: it counts here, and calls the ops of whoever made the object. Every
 * function takes NULL, which means that nobody looks, and then costs one comparison.
 *
 *	progress_begin(p, PROGRESS_UNPACK, "deb", n_packages, n_bytes);
 *	progress_add(p, PROGRESS_UNPACK, 1, size);	(from any thread)
 *	progress_end(p, PROGRESS_UNPACK);
 *
 * Stages count on their own, so they may overlap, and may come again (once a source, once an output). On an error they are just left.
 * The ops are never called by two threads at once. Between two calls of UPDATE lies at least the interval; what falls between is in the
 * next one. BEGIN and END always come.
 */
enum progress_stage {
	PROGRESS_RESOLVE, /* which packages; the index files are fetched for it */
	PROGRESS_FETCH,	  /* files into the cache */
	PROGRESS_UNPACK,  /* archives and directories into the tree */
	PROGRESS_PASSES,  /* the tree into what a guest needs */
	PROGRESS_WRITE,	  /* an output: file system, archive or directory */
	PROGRESS_SEAL,	  /* hash trees, SHA-512, manifest, bill of materials, renames */
	PROGRESS_CHECK,	  /* reading back: verify, diff */
};
#define PROGRESS_STAGES 7
/* "resolve", "fetch" ... */
const char *progress_stage_name(enum progress_stage s);

enum progress_event { PROGRESS_BEGIN, PROGRESS_UPDATE, PROGRESS_END };

/* What a stage is at. Totals are 0 when not known. */
struct progress_state {
	enum progress_stage stage;
	const char *what; /* type of the source, path of the output; NULL: nothing more to say */
	uint64_t items, items_total; /* packages; entries of the tree in PASSES and WRITE */
	uint64_t bytes, bytes_total;
	uint64_t usec; /* since the stage began */
};

/* A file or directory that is complete under its final name. */
struct progress_output {
	const char *kind; /* "image", "initrd", "rootfs", "tar", "lock" ... */
	const char *path;
	uint64_t size;	       /* bytes; 0 for a directory */
	const char *sha512;    /* hex; NULL: not known */
	uint64_t sha512_size;  /* of the first bytes so many; zeros follow (manifest.h) */
	const char *root_hash; /* hex; NULL: not measured */
	bool unchanged;	       /* it was complete before, and nothing has changed */
};

struct progress_ops {
	void (*stage)(void *data, enum progress_event e, const struct progress_state *s);
	void (*warn)(void *data, const char *line); /* no newline; what is no error */
	void (*output)(void *data, const struct progress_output *o);
};

struct progress {
	const struct progress_ops *ops;
	void *data;
	uint64_t interval_usec;
	/* private */
	pthread_mutex_t lock;
	uint64_t due; /* atomic: CLOCK_MONOTONIC of the next UPDATE */
	struct progress_count {
		const char *what;
		uint64_t items, items_total, bytes, bytes_total; /* atomic */
		uint64_t start;
	} count[PROGRESS_STAGES];
};

/* ops (all of them) and data must outlive it. */
void progress_init(struct progress *p, const struct progress_ops *ops, void *data,
		   uint64_t interval_usec);
void progress_release(struct progress *p);

/* what must live until progress_end(). */
void progress_begin(struct progress *p, enum progress_stage s, const char *what,
		    uint64_t items_total, uint64_t bytes_total);
/* More to do than was known when the stage began. */
void progress_expect(struct progress *p, enum progress_stage s, uint64_t items, uint64_t bytes);
void progress_add(struct progress *p, enum progress_stage s, uint64_t items, uint64_t bytes);
void progress_end(struct progress *p, enum progress_stage s);

#define PROGRESS_WARN_MAX 1024 /* bytes of a warning; a longer one is cut */
void progress_warn(struct progress *p, const char *fmt, ...) _printf_(2, 3);
void progress_output(struct progress *p, const struct progress_output *o);

#endif
