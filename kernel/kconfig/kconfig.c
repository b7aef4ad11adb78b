/* SPDX-License-Identifier: Apache-2.0 */
#include "kconfig/kconfig.h"

#include <stdint.h>
#include <string.h>
#include "base/alloc.h"

/* Where a text is being read. */
struct place {
	struct kconfig *kc;
	const char *file;
	unsigned int line;
	int feature; /* that the options belong to; -1: none */
};

static void free_options(struct kconfig_option *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].name);
		free(v[i].value);
	}
	free(v);
}

void kconfig_release(struct kconfig *kc)
{
	free_options(kc->v, kc->n);
	free_options(kc->again, kc->n_again);
	for (size_t i = 0; i < kc->n_features; i++) {
		free(kc->features[i].name);
		free(kc->features[i].breaks);
	}
	free(kc->features);
	for (size_t i = 0; i < kc->n_files; i++)
		free(kc->files[i]);
	free(kc->files);
	*kc = (struct kconfig)KCONFIG_INIT;
}

/* The index of the option, or where it belongs. */
static size_t position(const struct kconfig *kc, const char *name, bool *ret_found)
{
	size_t lo = 0, hi = kc->n;

	*ret_found = false;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(kc->v[mid].name, name);

		if (c == 0) {
			*ret_found = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct kconfig_option *kconfig_find(const struct kconfig *kc, const char *name)
{
	bool found;
	size_t i = position(kc, name, &found);

	return found ? &kc->v[i] : NULL;
}

static int make_option(const struct place *at, const char *name, const char *value,
		       struct kconfig_option *ret)
{
	*ret = (struct kconfig_option){ strdup(name), strdup(value), at->file, at->line,
					at->feature };
	if (ret->name && ret->value)
		return 0;
	free(ret->name);
	free(ret->value);
	return -ENOMEM;
}

/* Takes copies of name and value. */
static int add(const struct place *at, const char *name, const char *value, struct error *err)
{
	struct kconfig *kc = at->kc;
	struct kconfig_option o;
	bool found;
	size_t i = position(kc, name, &found);

	if (kc->n + kc->n_again >= KCONFIG_COUNT_MAX)
		return error_set(err, -EFBIG, "%s:%u: more than %d options", at->file, at->line,
				 KCONFIG_COUNT_MAX);
	if (array_reserve(&kc->v, &kc->cap, kc->n + 1, sizeof(*kc->v)) < 0 ||
	    array_reserve(&kc->again, &kc->cap_again, kc->n_again + 1, sizeof(*kc->again)) < 0 ||
	    make_option(at, name, value, &o) < 0)
		return error_oom(err);
	if (found) {
		kc->again[kc->n_again++] = o;
		return 0;
	}
	memmove(&kc->v[i + 1], &kc->v[i], (kc->n - i) * sizeof(*kc->v));
	kc->v[i] = o;
	kc->n++;
	return 0;
}

static bool name_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* The bytes of an option name at s, 0 when there is none or it is too long. */
static size_t name_len(const char *s)
{
	size_t n = 0;

	while (name_char(s[n]))
		n++;
	return n <= KCONFIG_NAME_MAX ? n : 0;
}

static bool valid_number(const char *s)
{
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		return s[2] && s[2 + strspn(s + 2, "0123456789abcdefABCDEF")] == '\0';
	if (*s == '-')
		s++;
	return *s && s[strspn(s, "0123456789")] == '\0';
}

/* A quoted string: backslash takes the next character, an inner quote ends it too early. */
static bool valid_string(const char *s)
{
	if (*s++ != '"')
		return false;
	for (; *s && *s != '"'; s++) {
		if (*s == '\\' && !*++s)
			return false;
	}
	return s[0] == '"' && s[1] == '\0';
}

static bool valid_value(const char *s)
{
	return str_eq(s, "y") || str_eq(s, "n") || str_eq(s, "m") || valid_number(s) ||
	       valid_string(s);
}

/* Sets `feature` of the place to the feature of that name, made if it is new. `breaks` may be NULL. */
static int enter_feature(struct place *at, const char *name, size_t len, const char *breaks,
			 struct error *err)
{
	struct kconfig *kc = at->kc;
	struct kconfig_feature *f;
	size_t i = 0;

	while (i < kc->n_features &&
	       (strncmp(kc->features[i].name, name, len) != 0 || kc->features[i].name[len] != '\0'))
		i++;
	if (i >= KCONFIG_FEATURES_MAX)
		return error_set(err, -EFBIG, "%s:%u: more than %d features", at->file, at->line,
				 KCONFIG_FEATURES_MAX);
	if (array_reserve(&kc->features, &kc->cap_features, kc->n_features + 1,
			  sizeof(*kc->features)) < 0)
		return error_oom(err);
	f = &kc->features[i];
	if (i == kc->n_features) {
		*f = (struct kconfig_feature){ mem_dup0(name, len), NULL, at->file, at->line };
		if (!f->name)
			return error_oom(err);
		kc->n_features++;
	}
	at->feature = (int)i;
	if (!breaks)
		return 0;
	if (f->breaks)
		return error_set(err, -EINVAL, "%s:%u: feature '%s' is described a second time",
				 at->file, at->line, f->name);
	f->breaks = strdup(breaks);
	return f->breaks ? 0 : error_oom(err);
}

/* What follows "#:". */
static int parse_feature(struct place *at, const char *s, struct error *err)
{
	size_t n;

	s += strspn(s, " ");
	n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_.");
	if (n == 0 || n > KCONFIG_NAME_MAX || (s[n] && (s[n] != ':' || s[n + 1] != ' ')))
		return error_set(err, -EINVAL,
				 "%s:%u: expected '#: FEATURE: what does not work without it'",
				 at->file, at->line);
	return enter_feature(at, s, n, s[n] ? s + n + 2 : NULL, err);
}

/* A line that starts with '#': "CONFIG_X is not set" is an option, what resembles an option is refused, the rest is prose. */
static int parse_comment(struct place *at, const char *line, struct error *err)
{
	char name[KCONFIG_NAME_MAX + 1];
	const char *s = line + 1, *rest;
	size_t n;

	if (*s == ':')
		return parse_feature(at, s + 1, err);
	s += strspn(s, " \t");
	s = str_after(s, "CONFIG_");
	n = s ? name_len(s) : 0;
	if (!n)
		return 0;
	rest = s + n;
	memcpy(name, s, n);
	name[n] = '\0';
	if (str_eq(rest, " is not set") && str_after(line, "# CONFIG_"))
		return add(at, name, "n", err);
	if (*rest == '=' || str_after(rest, " is not set"))
		return error_set(err, -EINVAL,
				 "%s:%u: neither a comment nor '# CONFIG_%s is not set'", at->file,
				 at->line, name);
	return 0;
}

static int parse_line(struct place *at, const char *line, struct error *err)
{
	char name[KCONFIG_NAME_MAX + 1];
	const char *s;
	size_t n;

	if (*line == '\0')
		return 0;
	if (*line == '#')
		return parse_comment(at, line, err);
	s = str_after(line, "CONFIG_");
	n = s ? name_len(s) : 0;
	if (!n || s[n] != '=')
		return error_set(err, -EINVAL, "%s:%u: expected CONFIG_NAME=VALUE", at->file,
				 at->line);
	memcpy(name, s, n);
	name[n] = '\0';
	if (!valid_value(s + n + 1))
		return error_set(err, -EINVAL,
				 "%s:%u: CONFIG_%s: the value must be y, n, m, a number or a "
				 "quoted string",
				 at->file, at->line, name);
	return add(at, name, s + n + 1, err);
}

/* Copies one line without its end into buf and parses it. */
static int parse_span(struct place *at, const char *p, size_t len, struct error *err)
{
	char buf[KCONFIG_LINE_MAX + 1];

	while (len && (p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	if (len > KCONFIG_LINE_MAX)
		return error_set(err, -EFBIG, "%s:%u: line longer than %d bytes", at->file,
				 at->line, KCONFIG_LINE_MAX);
	for (size_t i = 0; i < len; i++) {
		if (((unsigned char)p[i] < 0x20 && p[i] != '\t') || p[i] == 0x7f)
			return error_set(err, -EINVAL, "%s:%u: control character 0x%02x", at->file,
					 at->line, (unsigned int)(unsigned char)p[i]);
	}
	memcpy(buf, p, len);
	buf[len] = '\0';
	return parse_line(at, buf, err);
}

static int keep_file(struct kconfig *kc, const char *file, const char **ret)
{
	char *copy;

	if (array_reserve(&kc->files, &kc->cap_files, kc->n_files + 1, sizeof(char *)) < 0)
		return -ENOMEM;
	copy = strdup(file);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	kc->files[kc->n_files++] = copy;
	return 0;
}

int kconfig_parse(struct kconfig *kc, const char *file, const char *text, size_t len,
		  struct error *err)
{
	struct place at = { .kc = kc, .file = file, .feature = -1 };
	const char *end = text + len;

	if (len > KCONFIG_FILE_MAX)
		return error_set(err, -EFBIG, "%s: larger than %u bytes", file, KCONFIG_FILE_MAX);
	if (keep_file(kc, file, &at.file) < 0)
		return error_oom(err);
	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((nl ? nl : end) - text);
		int r;

		at.line++;
		r = parse_span(&at, text, n, err);
		if (r < 0)
			return r;
		text = nl ? nl + 1 : end;
	}
	return 0;
}
