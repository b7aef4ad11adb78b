/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WRITER_LIST_H
#define WRITER_LIST_H

#include "codec/sha.h"
#include "compat/xxh.h"
#include "tree/tree.h"
#include "writer/writer.h"

/*
 * What every writer starts from: the inodes of a tree in the order of the walk, each once. inode->mark is the index plus 1.
 */
struct witem {
	struct tree_inode *in;
	struct tree_node *first; /* the first of its names in walk order: names it in messages */
	struct tree_node *last;
	uint32_t subdirs;
};

struct wlist {
	struct witem *v; /* v[0] is the root */
	size_t n, cap;
};
#define WLIST_INIT         \
	{                  \
		NULL, 0, 0 \
	}

int wlist_build(struct tree *t, struct wlist *l, struct error *err);
void wlist_release(struct wlist *l);
#define _cleanup_wlist_ _cleanup_(wlist_release)

static inline size_t wlist_index(const struct tree_inode *in)
{
	return (size_t)in->mark - 1;
}

/* The time to store: clamped to the epoch unless times are kept. */
void writer_mtime(const struct writer_params *p, const struct tree_inode *in, int64_t *sec,
		  uint32_t *nsec);

/* The type in a directory entry: FT_* of the kernel's include/linux/fs_types.h, which ext4 and erofs store as they are. */
uint8_t writer_file_type(uint32_t mode);

/* new_encode_dev() of the kernel's include/linux/kdev_t.h: 12 bits of major, 20 of minor. */
static inline uint32_t writer_encode_dev(uint32_t major, uint32_t minor)
{
	return (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

/* Links of an inode: its names; of a directory 2 and one for each subdirectory. */
static inline uint32_t writer_links(const struct witem *it)
{
	return S_ISDIR(it->in->mode) ? it->subdirs + 2 : it->in->nlink;
}

/* Puts "PATH: " in front of err's message; returns its code. */
int writer_blame(const struct tree_node *n, struct error *err);

/*
 * The seed: SHA-256 over the description of every entry (names, types, owners, times, devices, targets, attributes, sizes), which begin
 * takes, and a fingerprint of all contents, which the writer adds while it copies them, in list order; finish makes it. With
 * params->seed only finish does something.
 *
 * The fingerprint (compat/xxh.h) tells apart what differs by chance or by an edit, not what was made to collide. Nothing relies on more:
 * UUIDs, hash seed and signature are names, and two images with the same verity salt still have their own root hashes.
 */
struct wseed {
	uint8_t tree
		[WRITER_SEED_SIZE]; /* from begin on: of the descriptions alone; params->seed if given */
	struct xxh *content;
	bool on;
};
#define WSEED_INIT                 \
	{                          \
		{ 0 }, NULL, false \
	}
int wseed_begin(struct wseed *s, const struct wlist *l, const struct writer_params *p,
		struct error *err);
void wseed_content(struct wseed *s, const void *data, size_t len);
int wseed_finish(struct wseed *s, const struct writer_params *p, uint8_t seed[WRITER_SEED_SIZE],
		 struct error *err);
void wseed_release(struct wseed *s);
#define _cleanup_wseed_ _cleanup_(wseed_release)

/* 16 bytes of SHA-256(purpose || seed), formed as a UUID of version 8 (RFC 9562 5.8). */
int wseed_uuid(const uint8_t seed[WRITER_SEED_SIZE], const char *purpose, uint8_t uuid[16],
	       struct error *err);

#endif
