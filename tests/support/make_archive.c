/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "support/make_archive.h"

static la_ssize_t to_buf(struct archive *a, void *data, const void *bytes, size_t len)
{
	return strbuf_add(data, bytes, len) < 0 ? -1 : (la_ssize_t)len;
}

static uint32_t type_bits(char type)
{
	switch (type) {
	case 'd':
		return S_IFDIR;
	case 'l':
		return S_IFLNK;
	case 'c':
		return S_IFCHR;
	case 'p':
		return S_IFIFO;
	default:
		return S_IFREG;
	}
}

static void add_member(struct archive *a, const struct archive_member *m)
{
	struct archive_entry *e = archive_entry_new();
	uint64_t size = m->type != 'f' ? 0 : m->text ? strlen(m->text) : m->zeros;
	static const char zeros[65536];

	archive_entry_set_pathname(e, m->path);
	archive_entry_set_mode(e, type_bits(m->type) | m->mode);
	archive_entry_set_size(e, (la_int64_t)size);
	archive_entry_set_mtime(e, 1600000000, 5000);
	if (m->type == 'l')
		archive_entry_set_symlink(e, m->text);
	if (m->type == 'h')
		archive_entry_set_hardlink(e, m->text);
	if (m->type == 'c') {
		archive_entry_set_rdevmajor(e, 1);
		archive_entry_set_rdevminor(e, 3);
	}
	assert_true(archive_write_header(a, e) >= ARCHIVE_WARN); /* names that are not UTF-8 */
	if (m->text && size)
		assert_int_equal(archive_write_data(a, m->text, size), size);
	for (uint64_t left = m->text ? 0 : size; left;) {
		size_t n = left < sizeof(zeros) ? (size_t)left : sizeof(zeros);

		assert_int_equal(archive_write_data(a, zeros, n), n);
		left -= n;
	}
	archive_entry_free(e);
}

void make_tar(struct strbuf *out, const char *filter, const struct archive_member *m, size_t n)
{
	struct archive *a = archive_write_new();

	assert_int_equal(archive_write_set_format_pax_restricted(a), ARCHIVE_OK);
	if (strcmp(filter, "none") != 0)
		assert_int_equal(archive_write_add_filter_by_name(a, filter), ARCHIVE_OK);
	archive_write_set_bytes_in_last_block(a, 1);
	assert_int_equal(archive_write_open(a, out, NULL, to_buf, NULL), ARCHIVE_OK);
	for (size_t i = 0; i < n; i++)
		add_member(a, &m[i]);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

/* ar(5): "!<arch>\n", then 60-byte headers: name 16, mtime 12, uid 6, gid 6, mode 8, size 10, "`\n". */
void make_ar(struct strbuf *out, const char *const *names, const struct strbuf *contents, size_t n)
{
	assert_int_equal(strbuf_addstr(out, "!<arch>\n"), 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(strbuf_addf(out, "%-16s%-12d%-6d%-6d%-8o%-10zu`\n", names[i], 0, 0,
					     0, 0100644u, contents[i].len),
				 0);
		assert_int_equal(strbuf_add(out, contents[i].buf, contents[i].len), 0);
		if (contents[i].len & 1)
			assert_int_equal(strbuf_addch(out, '\n'), 0);
	}
}

void make_deb(struct strbuf *out, const char *filter, const char *arch,
	      const struct archive_member *m, size_t n)
{
	char control[256], data_name[32];
	const char *const names[] = { "debian-binary", "control.tar.gz", data_name };
	const struct archive_member c = { "./control", 'f', control, 0644, 0 };
	struct strbuf parts[3] = { STRBUF_INIT, STRBUF_INIT, STRBUF_INIT };

	snprintf(control, sizeof(control),
		 "Package: probe\nVersion: 1:2.0-3\nArchitecture: %s\nDescription: x\n y\n", arch);
	snprintf(data_name, sizeof(data_name), "data.tar%s",
		 !strcmp(filter, "none")   ? ""
		 : !strcmp(filter, "gzip") ? ".gz"
		 : !strcmp(filter, "xz")   ? ".xz"
					   : ".zst");
	assert_int_equal(strbuf_addstr(&parts[0], "2.0\n"), 0);
	make_tar(&parts[1], "gzip", &c, 1);
	make_tar(&parts[2], filter, m, n);
	make_ar(out, names, parts, 3);
	for (int i = 0; i < 3; i++)
		strbuf_release(&parts[i]);
}
