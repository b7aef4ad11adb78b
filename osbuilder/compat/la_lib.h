/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPAT_LA_LIB_H
#define COMPAT_LA_LIB_H

#include <archive.h>
#include <archive_entry.h>
#include "base/error.h"

/*
 * libarchive's functions, taken from the shared library when the first archive is opened. For la.c and zin.c only.
 *
 * Debian's libarchive brings libxml2 with it, that ICU, and that the C++ library, for an archive format that nobody reads here. Loading
 * them takes 2 ms, half of the start of a program, and most runs of one open no archive. Linking the static library instead would
 * save as much, but a program that reads packages from the network should get the distribution's repairs of that reader at once.
 */
#define LA_LIB_NAME "libarchive.so.13" /* of libarchive 3.x, whose headers declare what is below */

#define LA_LIB_FUNCTIONS(X)                  \
	X(archive_entry_gid)                 \
	X(archive_entry_hardlink)            \
	X(archive_entry_mode)                \
	X(archive_entry_mtime)               \
	X(archive_entry_mtime_nsec)          \
	X(archive_entry_pathname)            \
	X(archive_entry_rdevmajor)           \
	X(archive_entry_rdevminor)           \
	X(archive_entry_size)                \
	X(archive_entry_sparse_count)        \
	X(archive_entry_symlink)             \
	X(archive_entry_uid)                 \
	X(archive_entry_xattr_next)          \
	X(archive_entry_xattr_reset)         \
	X(archive_errno)                     \
	X(archive_error_string)              \
	X(archive_filter_bytes)              \
	X(archive_filter_code)               \
	X(archive_read_data)                 \
	X(archive_read_data_block)           \
	X(archive_read_free)                 \
	X(archive_read_new)                  \
	X(archive_read_next_header)          \
	X(archive_read_open)                 \
	X(archive_read_open2)                \
	X(archive_read_open_fd)              \
	X(archive_read_open_memory)          \
	X(archive_read_support_filter_bzip2) \
	X(archive_read_support_filter_gzip)  \
	X(archive_read_support_filter_lz4)   \
	X(archive_read_support_filter_lzma)  \
	X(archive_read_support_filter_xz)    \
	X(archive_read_support_filter_zstd)  \
	X(archive_read_support_format_ar)    \
	X(archive_read_support_format_raw)   \
	X(archive_read_support_format_tar)   \
	X(archive_set_error)

struct la_lib {
#define LA_LIB_MEMBER(name) __typeof__(name) *name;
	LA_LIB_FUNCTIONS(LA_LIB_MEMBER)
#undef LA_LIB_MEMBER
};

/* The same for all callers, as long as the program runs. 0, or -ENOPKG with what is missing. */
int la_lib_get(const struct la_lib **ret, struct error *err);

#endif
