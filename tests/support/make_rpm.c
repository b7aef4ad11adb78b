/* SPDX-License-Identifier: Apache-2.0 */
#include "support/make_rpm.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "support/cmocka_all.h"

struct header {
	struct strbuf index, data;
	uint32_t n;
};

static void be(struct strbuf *b, uint64_t v, int bytes)
{
	while (bytes--)
		assert_int_equal(strbuf_addch(b, (char)(v >> 8 * bytes)), 0);
}

static void tag(struct header *h, uint32_t number, uint32_t type, uint32_t n)
{
	const uint32_t align = type == 3 ? 2 : type == 4 ? 4 : type == 5 ? 8 : 1;

	while (h->data.len % align)
		be(&h->data, 0, 1);
	be(&h->index, number, 4);
	be(&h->index, type, 4);
	be(&h->index, h->data.len, 4);
	be(&h->index, n, 4);
	h->n++;
}

static void text(struct header *h, const char *s)
{
	assert_int_equal(strbuf_add(&h->data, s, strlen(s) + 1), 0);
}

static void tag_text(struct header *h, uint32_t number, const char *s)
{
	tag(h, number, 6, 1);
	text(h, s);
}

static void put_header(struct strbuf *out, struct header *h)
{
	assert_int_equal(strbuf_add(out, "\x8e\xad\xe8\x01\0\0\0\0", 8), 0);
	be(out, h->n, 4);
	be(out, h->data.len, 4);
	assert_int_equal(strbuf_add(out, h->index.buf, h->index.len), 0);
	assert_int_equal(strbuf_add(out, h->data.buf, h->data.len), 0);
	strbuf_release(&h->index);
	strbuf_release(&h->data);
}

static uint64_t size_of(const struct rpm_member *f)
{
	return (f->text ? strlen(f->text) : S_ISDIR(f->mode) ? 4096 : 0) + f->size_added;
}

static void put_numbers(struct header *h, const struct rpm_made *m)
{
	static const uint32_t tags[] = { 1116, 1030, 1033, 1034, 1037, 1095, 1096 };

	for (size_t k = 0; k < ARRAY_SIZE(tags); k++) {
		const bool is_short = tags[k] == 1030 || tags[k] == 1033;

		tag(h, tags[k], is_short ? 3 : 4, (uint32_t)m->n);
		for (size_t i = 0; i < m->n; i++) {
			const struct rpm_member *f = &m->v[i];
			const uint64_t values[] = { i,
						    f->mode,
						    0x0103,
						    1600000000,
						    f->flags,
						    1,
						    f->inode ? f->inode : 1000 + i };

			be(&h->data, values[k], is_short ? 2 : 4);
		}
	}
	tag(h, m->long_sizes ? 5008 : 1028, m->long_sizes ? 5 : 4, (uint32_t)m->n);
	for (size_t i = 0; i < m->n; i++)
		be(&h->data, size_of(&m->v[i]), m->long_sizes ? 8 : 4);
}

static void put_strings(struct header *h, const struct rpm_made *m)
{
	static const uint32_t tags[] = { 1117, 1036, 1039, 1040, 5010 };

	for (size_t k = 0; k < ARRAY_SIZE(tags); k++) {
		tag(h, tags[k], 8, (uint32_t)m->n);
		for (size_t i = 0; i < m->n; i++) {
			const struct rpm_member *f = &m->v[i];
			const char *values[] = { strrchr(f->path, '/') + 1,
						 S_ISLNK(f->mode) ? f->text : "",
						 f->user ? f->user : "root",
						 f->group ? f->group : "root",
						 f->caps ? f->caps : "" };

			text(h, values[k]);
		}
	}
	tag(h, 1118, 8, (uint32_t)m->n); /* a directory a file */
	for (size_t i = 0; i < m->n; i++) {
		const size_t len = (size_t)(strrchr(m->v[i].path, '/') + 1 - m->v[i].path);

		assert_int_equal(strbuf_add(&h->data, m->v[i].path, len), 0);
		be(&h->data, 0, 1);
	}
}

static void pad(struct strbuf *out)
{
	while (out->len % 4)
		be(out, 0, 1);
}

static void newc(struct strbuf *out, const char *name, uint32_t mode, const char *content)
{
	const unsigned len = content ? (unsigned)strlen(content) : 0;

	strbuf_addf(out, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1, mode, 0,
		    0, 1, 0, len, 0, 0, 0, 0, (unsigned)strlen(name) + 1, 0);
	strbuf_add(out, name, strlen(name) + 1);
	pad(out);
	strbuf_add(out, content ? content : "", len);
	pad(out);
}

/* The last of the hard links, and what is none, has the content. */
static const char *content_of(const struct rpm_made *m, size_t i)
{
	for (size_t k = i + 1; m->v[i].inode && k < m->n; k++)
		if (m->v[k].inode == m->v[i].inode)
			return NULL;
	return m->v[i].text;
}

static void put_payload(struct strbuf *out, const struct rpm_made *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct rpm_member *f = &m->v[i];
		const char *content = content_of(m, i);

		if (f->name && !*f->name)
			continue;
		if (m->long_sizes) {
			strbuf_addf(out, "07070X%08zx", i);
			pad(out);
			strbuf_addstr(out, content ? content : "");
			pad(out);
		} else {
			char *name = f->name ? strdup(f->name) : str_printf(".%s", f->path);

			assert_non_null(name);
			newc(out, name, f->mode, content);
			free(name);
		}
	}
	newc(out, "TRAILER!!!", 0, NULL);
}

static void compress(struct strbuf *out, const struct strbuf *in, const char *filter)
{
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	size_t used = 0;

	assert_int_equal(archive_write_add_filter_by_name(a, filter), ARCHIVE_OK);
	assert_int_equal(archive_write_set_format_raw(a), ARCHIVE_OK);
	assert_int_equal(strbuf_grow(out, in->len + 65536), 0);
	assert_int_equal(archive_write_open_memory(a, out->buf + out->len, in->len + 65536, &used),
			 ARCHIVE_OK);
	archive_entry_set_filetype(e, AE_IFREG);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, in->buf, in->len), in->len);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	strbuf_setlen(out, out->len + used);
	archive_entry_free(e);
	archive_write_free(a);
}

void make_rpm(struct strbuf *out, const struct rpm_made *m)
{
	struct header signatures = { STRBUF_INIT, STRBUF_INIT, 0 };
	struct header h = { STRBUF_INIT, STRBUF_INIT, 0 };
	_cleanup_strbuf_ struct strbuf payload = STRBUF_INIT;

	assert_int_equal(strbuf_add(out, "\xed\xab\xee\xdb\3\0", 6), 0);
	be(out, m->source, 2);
	while (out->len < 96)
		be(out, 0, 1);
	tag_text(&signatures, 269, "0123456789"); /* a length that needs padding behind it */
	put_header(out, &signatures);
	while (out->len % 8)
		be(out, 0, 1);
	tag_text(&h, 1000, m->name ? m->name : "test");
	tag_text(&h, 1001, "1.0");
	tag_text(&h, 1002, "2");
	tag_text(&h, 1022, m->arch ? m->arch : "noarch");
	if (m->epoch) {
		tag(&h, 1003, 4, 1);
		be(&h.data, m->epoch, 4);
	}
	if (m->n) {
		put_numbers(&h, m);
		put_strings(&h, m);
	}
	put_header(out, &h);
	put_payload(&payload, m);
	if (m->filter)
		compress(out, &payload, m->filter);
	else
		strbuf_add(out, payload.buf, payload.len);
}
