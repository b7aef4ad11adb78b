/* SPDX-License-Identifier: Apache-2.0 */
#include "kconfig/kconfig.h"

#include <stdint.h>
#include <string.h>
#include "base/alloc.h"

void kconfig_release(struct kconfig *kc)
{
	for (size_t i = 0; i < kc->n; i++) {
		free(kc->v[i].name);
		free(kc->v[i].value);
	}
	for (size_t i = 0; i < kc->n_files; i++)
		free(kc->files[i]);
	free(kc->v);
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

/* Takes copies of name and value. */
static int insert(struct kconfig *kc, size_t at, const char *name, const char *value,
		  const char *file, unsigned int line)
{
	struct kconfig_option o = { strdup(name), strdup(value), file, line };

	if (!o.name || !o.value || array_reserve(&kc->v, &kc->cap, kc->n + 1, sizeof(*kc->v)) < 0) {
		free(o.name);
		free(o.value);
		return -ENOMEM;
	}
	memmove(&kc->v[at + 1], &kc->v[at], (kc->n - at) * sizeof(*kc->v));
	kc->v[at] = o;
	kc->n++;
	return 0;
}

static int add(struct kconfig *kc, const char *name, const char *value, const char *file,
	       unsigned int line, struct error *err)
{
	bool found;
	size_t at = position(kc, name, &found);
	const struct kconfig_option *old;

	if (!found) {
		if (kc->n >= KCONFIG_COUNT_MAX)
			return error_set(err, -EFBIG, "%s:%u: more than %d options", file, line,
					 KCONFIG_COUNT_MAX);
		return insert(kc, at, name, value, file, line) < 0 ? error_oom(err) : 0;
	}
	old = &kc->v[at];
	if (str_eq(old->value, value))
		return 0;
	return error_set(err, -EEXIST, "%s:%u: CONFIG_%s is set to %s, but %s:%u sets it to %s",
			 file, line, name, value, old->file, old->line, old->value);
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

/* A line that starts with '#': "CONFIG_X is not set" is an option, what resembles an option is refused, the rest is prose. */
static int parse_comment(struct kconfig *kc, const char *line, const char *file, unsigned int no,
			 struct error *err)
{
	char name[KCONFIG_NAME_MAX + 1];
	const char *s = line + 1, *rest;
	size_t n;

	s += strspn(s, " \t");
	s = str_after(s, "CONFIG_");
	n = s ? name_len(s) : 0;
	if (!n)
		return 0;
	rest = s + n;
	memcpy(name, s, n);
	name[n] = '\0';
	if (str_eq(rest, " is not set") && str_after(line, "# CONFIG_"))
		return add(kc, name, "n", file, no, err);
	if (*rest == '=' || str_after(rest, " is not set"))
		return error_set(err, -EINVAL,
				 "%s:%u: neither a comment nor '# CONFIG_%s is not set'", file, no,
				 name);
	return 0;
}

static int parse_line(struct kconfig *kc, const char *line, const char *file, unsigned int no,
		      struct error *err)
{
	char name[KCONFIG_NAME_MAX + 1];
	const char *s;
	size_t n;

	if (*line == '\0')
		return 0;
	if (*line == '#')
		return parse_comment(kc, line, file, no, err);
	s = str_after(line, "CONFIG_");
	n = s ? name_len(s) : 0;
	if (!n || s[n] != '=')
		return error_set(err, -EINVAL, "%s:%u: expected CONFIG_NAME=VALUE", file, no);
	memcpy(name, s, n);
	name[n] = '\0';
	if (!valid_value(s + n + 1))
		return error_set(err, -EINVAL,
				 "%s:%u: CONFIG_%s: the value must be y, n, m, a number or a "
				 "quoted string",
				 file, no, name);
	return add(kc, name, s + n + 1, file, no, err);
}

/* Copies one line without its end into buf and parses it. */
static int parse_span(struct kconfig *kc, const char *p, size_t len, const char *file,
		      unsigned int no, struct error *err)
{
	char buf[KCONFIG_LINE_MAX + 1];

	while (len && (p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	if (len > KCONFIG_LINE_MAX)
		return error_set(err, -EFBIG, "%s:%u: line longer than %d bytes", file, no,
				 KCONFIG_LINE_MAX);
	for (size_t i = 0; i < len; i++) {
		if (((unsigned char)p[i] < 0x20 && p[i] != '\t') || p[i] == 0x7f)
			return error_set(err, -EINVAL, "%s:%u: control character 0x%02x", file, no,
					 (unsigned int)(unsigned char)p[i]);
	}
	memcpy(buf, p, len);
	buf[len] = '\0';
	return parse_line(kc, buf, file, no, err);
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
	const char *end = text + len;
	unsigned int no = 0;

	if (len > KCONFIG_FILE_MAX)
		return error_set(err, -EFBIG, "%s: larger than %u bytes", file, KCONFIG_FILE_MAX);
	if (keep_file(kc, file, &file) < 0)
		return error_oom(err);
	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((nl ? nl : end) - text);
		int r = parse_span(kc, text, n, file, ++no, err);

		if (r < 0)
			return r;
		text = nl ? nl + 1 : end;
	}
	return 0;
}
