/* SPDX-License-Identifier: Apache-2.0 */
/* Versions and dependencies of apk-tools: 1.2.3b_rc1_p2-r4, name>=version. */
#include "source/apk.h"

#include <ctype.h>
#include <string.h>

#include "base/strbuf.h"

/* The order matters: of two versions that part here, the one with the later kind is the smaller. */
enum part_kind {
	PART_FRACTION,
	PART_DIGITS,
	PART_LETTER,
	PART_SUFFIX,
	PART_NUMBER,
	PART_REVISION,
	PART_END
};

struct part {
	enum part_kind kind;
	int64_t value;
};
struct version {
	struct part v[APK_TOKENS_MAX + 1]; /* ends with PART_END */
	size_t n;
};

/* _alpha < _beta < _pre < _rc < (none) < _cvs < _svn < _git < _hg < _p */
static const struct {
	const char *name;
	int value;
} suffixes[] = { { "alpha", -4 }, { "beta", -3 }, { "pre", -2 }, { "rc", -1 }, { "cvs", 1 },
		 { "svn", 2 },	  { "git", 3 },	  { "hg", 4 },	 { "p", 5 } };

static bool take_number(const char **p, int64_t *ret)
{
	int64_t n = 0;

	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); (*p)++)
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, **p - '0', &n))
			return false;
	*ret = n;
	return true;
}

static bool take_suffix(const char **p, int64_t *ret)
{
	size_t len = 0;

	while (islower((unsigned char)(*p)[len]))
		len++;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (strlen(suffixes[i].name) == len && !strncmp(suffixes[i].name, *p, len)) {
			*ret = suffixes[i].value;
			*p += len;
			return true;
		}
	return false;
}

static bool push(struct version *v, enum part_kind kind, int64_t value)
{
	if (v->n >= APK_TOKENS_MAX)
		return false;
	v->v[v->n++] = (struct part){ kind, value };
	v->v[v->n] = (struct part){ PART_END, 0 };
	return true;
}

/*
 * A component after a dot that starts with zeros is a fraction: 1.0 and 1.01 are before 1.1, and the more zeros, the
 * smaller. It is a part of negative value, followed by the digits behind the zeros.
 */
static bool take_component(const char **p, struct version *v)
{
	int64_t n = 0, zeros = 0;

	if (**p == '0') {
		while (**p == '0') {
			zeros++;
			(*p)++;
		}
		if (!push(v, PART_FRACTION, -zeros))
			return false;
		if (!isdigit((unsigned char)**p))
			return true;
	}
	return take_number(p, &n) && push(v, zeros ? PART_DIGITS : PART_FRACTION, n);
}

static bool split(const char *p, struct version *v)
{
	int64_t n = 0;

	*v = (struct version){ .v = { { PART_END, 0 } } };
	if (!take_number(&p, &n) || !push(v, PART_DIGITS, n))
		return false;
	while (*p == '.') {
		p++;
		if (!take_component(&p, v))
			return false;
	}
	if (islower((unsigned char)*p) && !push(v, PART_LETTER, *p++))
		return false;
	while (*p == '_') {
		p++;
		if (!take_suffix(&p, &n) || !push(v, PART_SUFFIX, n))
			return false;
		if (isdigit((unsigned char)*p) &&
		    (!take_number(&p, &n) || !push(v, PART_NUMBER, n)))
			return false;
	}
	if (p[0] == '-' && p[1] == 'r') {
		p += 2;
		if (!take_number(&p, &n) || !push(v, PART_REVISION, n))
			return false;
	}
	return !*p;
}

int apk_version_check(const char *v, struct error *err)
{
	struct version parts;

	if (split(v, &parts))
		return 0;
	return error_set(err, -EBADMSG, "'%.100s' is not a version", v);
}

int apk_version_cmp(const char *a, const char *b, bool fuzzy)
{
	struct version x, y;
	size_t i = 0;
	const struct part *p, *q;

	split(a, &x);
	split(b, &y);
	while (x.v[i].kind == y.v[i].kind && x.v[i].value == y.v[i].value &&
	       x.v[i].kind != PART_END)
		i++;
	p = &x.v[i];
	q = &y.v[i];
	if (fuzzy && q->kind == PART_END)
		return 0;
	if (p->kind == q->kind)
		return p->value < q->value ? -1 : p->value > q->value;
	/* One goes on where the other has something else: a pre-release is before anything. */
	if (p->kind == PART_SUFFIX && p->value < 0)
		return -1;
	if (q->kind == PART_SUFFIX && q->value < 0)
		return 1;
	return p->kind > q->kind ? -1 : 1;
}

static bool copy_word(char out[APK_WORD_MAX], const char *s, size_t len)
{
	if (!len || len >= APK_WORD_MAX)
		return false;
	memcpy(out, s, len);
	out[len] = '\0';
	return true;
}

int apk_dep_parse(const char *word, size_t len, struct apk_dep *ret, struct error *err)
{
	const char *p = word, *end = word + len, *s;

	*ret = (struct apk_dep){ 0 };
	if (p < end && *p == '!') {
		ret->conflict = true;
		p++;
	}
	for (s = p; s < end && !strchr("<>=~@", *s); s++)
		;
	if (!copy_word(ret->name, p, (size_t)(s - p)))
		return error_set(err, -EBADMSG, "bad dependency '%.*s'", (int)MIN(len, (size_t)100),
				 word);
	if (s < end && *s == '@')
		return error_set(err, -EOPNOTSUPP, "dependency '%.*s' on a tagged repository",
				 (int)MIN(len, (size_t)100), word);
	for (p = s; p < end && strchr("<>=~", *p); p++)
		ret->op |= *p == '<'   ? APK_OP_LT
			   : *p == '>' ? APK_OP_GT
			   : *p == '=' ? APK_OP_EQ
				       : APK_OP_FUZZY;
	if (!ret->op && p == end)
		return 0;
	/* "><" is followed by a checksum; "<~" and ">~" have no agreed meaning */
	if ((ret->op & (APK_OP_LT | APK_OP_GT)) == (APK_OP_LT | APK_OP_GT) ||
	    ((ret->op & APK_OP_FUZZY) && (ret->op & (APK_OP_LT | APK_OP_GT))))
		return error_set(err, -EOPNOTSUPP,
				 "dependency '%.*s' is of a kind that is not known",
				 (int)MIN(len, (size_t)100), word);
	if (!ret->op || !copy_word(ret->version, p, (size_t)(end - p)) ||
	    apk_version_check(ret->version, NULL) < 0)
		return error_set(err, -EBADMSG, "bad version in dependency '%.*s'",
				 (int)MIN(len, (size_t)100), word);
	return 0;
}

bool apk_dep_matches(const struct apk_dep *d, const char *version)
{
	int c;

	if (!d->op)
		return true;
	if (!version)
		return false;
	c = apk_version_cmp(version, d->version, d->op & APK_OP_FUZZY);
	if (d->op & APK_OP_FUZZY)
		return c == 0;
	return (c < 0 && (d->op & APK_OP_LT)) || (c == 0 && (d->op & APK_OP_EQ)) ||
	       (c > 0 && (d->op & APK_OP_GT));
}
