/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUP_DRIVER_H
#define CGROUP_DRIVER_H

#include "base/list.h"
#include "base/strbuf.h"
#include "cgroup/cgroup.h"
#include "cgroup/hierarchy.h"

/*
 * For guest-agent/cgroup and its drivers only. A driver is one const table; what it does not have is NULL and answers -EOPNOTSUPP.
 */
struct cgroup_ops {
	const char *name;
	/* Finds the hierarchies. */
	int (*open)(struct cgroup_root *r, struct error *err);
	/* c->rel is set. On failure nothing that was made stays. */
	int (*create)(struct cgroup *c, const struct oci_resources *res, struct error *err);
	int (*open_existing)(struct cgroup *c, struct error *err);
	int (*add)(struct cgroup *c, pid_t pid, struct error *err);
	int (*update)(struct cgroup *c, const struct oci_resources *res, struct error *err);
	int (*freeze)(struct cgroup *c, bool frozen, struct error *err);
	int (*frozen)(struct cgroup *c);
	int (*kill)(struct cgroup *c);
	int (*stats)(struct cgroup *c, struct cgroup_stats *s, struct error *err);
	int (*oom_watch)(struct cgroup *c, struct error *err);
	/* Tells of kills that the kernel has counted and not announced yet. */
	void (*oom_poll)(struct cgroup *c);
	/* Once. 0: gone; -EBUSY: try again. */
	int (*remove)(struct cgroup *c);
	void (*free)(struct cgroup *c); /* what the driver keeps in priv */
};

extern const struct cgroup_ops cgroup_v2, cgroup_v1;
int cgroup_v1_stats(struct cgroup *c, struct cgroup_stats *s, struct error *err);

struct cgroup_root {
	const struct cgroup_ops *ops;
	struct hierarchies h;
	struct loop *loop;
	bool lenient, rootless;
	char *base;	      /* where paths that are not absolute begin; "": at the top */
	struct list removals; /* struct cgroup */
	size_t n_removals;
	struct loop_source *timer; /* while there are any */
	/* Version 2: one inotify for all that are watched. */
	int inotify;
	struct loop_source *inotify_src;
	struct list watched; /* struct cgroup */
};

struct cgroup {
	struct cgroup_root *root;
	char *rel;    /* below each hierarchy's mount point */
	char *path;   /* cgroup_path() */
	int fd;	      /* in the version 2 hierarchy, or -1 */
	bool entered; /* the systemd driver's: it exists */
	const struct oci_resources *resources;
	void *priv;
	/* OOM */
	struct list watch_link;
	int wd; /* inotify's, or version 1's eventfd; -1 */
	struct loop_source *oom_src;
	uint64_t oom_seen;
	cgroup_oom_fn oom_fn;
	void *oom_data;
	/* removal */
	struct list removal_link;
	uint64_t deadline, next_try, pause;
};

/* ---- what drivers share (cgroup/files.c) ----------------------------------------------------------------------- */

#define CGROUP_FILE_MAX 262144 /* bytes of a control file that are read */

int cgroup_write(const struct cgroup *c, const struct hierarchy *h, const char *file,
		 const char *value, struct error *err);
int cgroup_read(const struct cgroup *c, const struct hierarchy *h, const char *file,
		struct strbuf *out);
/* A number of one line, UINT64_MAX for "max"; 0 when it is not there. */
uint64_t cgroup_read_u64(const struct cgroup *c, const struct hierarchy *h, const char *file);
/* mkdir -p below the hierarchy, calling before_child for each existing parent directory. Returns the last directory's fd. */
int cgroup_make_dirs(const struct cgroup *c, const struct hierarchy *h,
		     void (*before_child)(int dirfd), void (*after)(int parent, int dirfd),
		     struct error *err);
/* rmdir of it and of what the container made below; its parents go too while they are empty. 0, or -EBUSY. */
int cgroup_remove_dirs(const struct cgroup *c, const struct hierarchy *h);
/* fn for each process below. */
int cgroup_each_proc(const struct cgroup *c, const struct hierarchy *h,
		     int (*fn)(pid_t pid, void *data), void *data);
/* Writes the settings of the hierarchies that have their controllers. */
struct cgroup_settings;
int cgroup_apply(struct cgroup *c, const struct cgroup_settings *set, struct error *err);
/* Calls back for each kill that the count has grown by. */
void cgroup_oom_count(struct cgroup *c, uint64_t count);
/* The same for all versions: what a text of "KEY N" lines says; 0 when it is not there. UINT64_MAX for "max". */
uint64_t cgroup_keyed(const char *text, const char *key);
/* Every "KEY N" line of memory.stat. */
int cgroup_parse_memory_stat(struct cgroup_stats *s, const char *text);
/* io.stat: "MAJOR:MINOR rbytes=N wbytes=N ..." */
int cgroup_parse_io_stat(struct cgroup_stats *s, const char *text);
/* blkio.*: "MAJOR:MINOR OP N", "MAJOR:MINOR N", and "Total N", which is passed over. */
int cgroup_parse_blkio(struct cgroup_io_list *l, struct arena *a, const char *text);
/* cpuacct.usage_percpu */
int cgroup_parse_percpu(struct cgroup_stats *s, const char *text);
/* "hugetlb.SIZE.current": the size, or NULL; malloc'd. */
char *cgroup_huge_size(const char *name, const char *suffix);
/* Calls fn with each size that there are files of, "hugetlb.SIZE" + suffix. */
int cgroup_each_huge(const struct cgroup *c, const struct hierarchy *h, const char *suffix,
		     struct cgroup_stats *s,
		     int (*fn)(const struct cgroup *c, const struct hierarchy *h,
			       struct cgroup_huge *huge));

#endif
