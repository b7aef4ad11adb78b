/* SPDX-License-Identifier: Apache-2.0 */
/* APKINDEX: lines of LETTER:VALUE, packages ended by an empty line. */
#include "source/apk.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/strbuf.h"

void apk_index_release(struct apk_index *x)
{
	for (size_t i = 0; i < x->n_texts; i++)
		free(x->texts[i]);
	free(x->texts);
	free(x->v);
	*x = (struct apk_index){ 0 };
}

static int base64_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

/* "Q1" and the SHA-1 in base64: 27 digits and one "=". */
static int read_checksum(const char *s, uint8_t out[SHA_SIZE_1])
{
	uint32_t bits = 0;
	size_t n = 0;

	if (!str_after(s, "Q1") || strlen(s) != 2 + 28 || s[29] != '=')
		return -EINVAL;
	s += 2;
	for (int i = 0; i < 27; i++) {
		int d = base64_digit(s[i]);

		if (d < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)d;
		if (i % 4 == 3) {
			out[n++] = (uint8_t)(bits >> 16);
			out[n++] = (uint8_t)(bits >> 8);
			out[n++] = (uint8_t)bits;
		}
	}
	out[n++] = (uint8_t)(bits >> 10); /* the last three digits: 18 bits, two of them unused */
	out[n] = (uint8_t)(bits >> 2);
	return bits & 3 ? -EINVAL : 0;
}

/* Names and architectures become parts of paths and addresses. */
static bool plain_word(const char *s)
{
	return *s && *s != '.' && strlen(s) < APK_WORD_MAX &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._") ==
		       strlen(s);
}

/* A package being read, and which of its fields were seen. */
struct record {
	struct apk_package p;
	bool any, has_checksum, has_size;
};

static int read_field(struct record *rec, char key, char *value, struct error *err)
{
	struct apk_package *p = &rec->p;

	rec->any = true;
	switch (key) {
	case 'P':
	case 'A':
		if (!plain_word(value))
			return error_set(err, -EBADMSG, "unusable name '%.100s'", value);
		*(key == 'P' ? &p->name : &p->arch) = value;
		return 0;
	case 'V':
		p->version = value;
		return strlen(value) < APK_WORD_MAX ? apk_version_check(value, err)
						    : error_set(err, -EBADMSG, "version too long");
	case 'C':
		rec->has_checksum = true;
		if (read_checksum(value, p->sha1) < 0)
			return error_set(err, -EBADMSG, "checksum '%.64s' is not Q1 and a SHA-1",
					 value);
		return 0;
	case 'S':
		rec->has_size = true;
		if (parse_u64(value, 10, &p->size) < 0 || !p->size || p->size > APK_FILE_MAX)
			return error_set(err, -EBADMSG, "bad size '%.32s'", value);
		return 0;
	case 'k':
		if (parse_u32(value, 10, &p->priority) < 0)
			return error_set(err, -EBADMSG, "bad priority '%.32s'", value);
		return 0;
	case 'D':
		p->depends = value;
		return 0;
	case 'p':
		p->provides = value;
		return 0;
	case 'i':
		p->install_if = value;
		return 0;
	default: /* description, licence, times, ...: nothing that decides anything here */
		return 0;
	}
}

static int end_record(struct apk_index *x, struct record *rec, const char *arch, uint32_t repo,
		      struct error *err)
{
	struct apk_package *p = &rec->p;

	if (!rec->any)
		return 0;
	if (!p->name || !p->version || !p->arch || !rec->has_checksum || !rec->has_size)
		return error_set(err, -EBADMSG, "package '%s' lacks %s", p->name ? p->name : "",
				 !p->name	      ? "its name (P)"
				 : !p->version	      ? "its version (V)"
				 : !p->arch	      ? "its architecture (A)"
				 : !rec->has_checksum ? "its checksum (C)"
						      : "its size (S)");
	if (str_eq(p->arch, arch) || str_eq(p->arch, "noarch")) {
		if (x->n >= APK_PACKAGES_MAX)
			return error_set(err, -E2BIG, "more than %d packages", APK_PACKAGES_MAX);
		if (array_reserve(&x->v, &x->cap, x->n + 1, sizeof(*x->v)) < 0)
			return error_oom(err);
		p->repo = repo;
		x->v[x->n++] = *p;
	}
	*rec = (struct record){ .p = { .depends = "", .provides = "", .install_if = "" } };
	return 0;
}

static int keep_text(struct apk_index *x, const char *text, size_t len, char **ret)
{
	char **texts = realloc(x->texts, (x->n_texts + 1) * sizeof(*texts));

	if (!texts)
		return -ENOMEM;
	x->texts = texts;
	*ret = mem_dup0(text, len);
	if (!*ret)
		return -ENOMEM;
	x->texts[x->n_texts++] = *ret;
	return 0;
}

int apk_index_add(struct apk_index *x, const char *text, size_t len, const char *arch,
		  uint32_t repo, struct error *err)
{
	struct record rec = { .p = { .depends = "", .provides = "", .install_if = "" } };
	unsigned long number = 0;
	char *line, *next;
	int r = 0;

	if (len > APK_INDEX_MAX)
		return error_set(err, -EFBIG, "has more than %u bytes", APK_INDEX_MAX);
	if (memchr(text, '\0', len))
		return error_set(err, -EBADMSG, "has NUL bytes");
	if (keep_text(x, text, len, &line) < 0)
		return error_oom(err);
	for (; r == 0 && line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		number++;
		if (!*line)
			r = end_record(x, &rec, arch, repo, err);
		else if (line[1] != ':')
			r = error_set(err, -EBADMSG, "'%.60s' is not LETTER:VALUE", line);
		else
			r = read_field(&rec, *line, line + 2, err);
	}
	if (r == 0)
		r = end_record(x, &rec, arch, repo, err);
	return r < 0 ? error_prefix(err, "line %lu", number) : 0;
}
