/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/agent-ctl/line.h"

#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/strbuf.h"

#define BLANKS "\t\n\v\f\r "

/* Reads one word at *p into `out`. */
static int read_word(const char **p, struct strbuf *out, struct error *err)
{
	const char *s = *p;
	char quote = '\0';
	int r = 0;

	for (; *s && r == 0 && (quote || !strchr(BLANKS, *s)); s++) {
		if (quote ? *s == quote : *s == '"' || *s == '\'')
			quote = quote ? '\0' : *s;
		else if (*s == '\\' && s[1] && (!quote || (quote == '"' && strchr("\"\\", s[1]))))
			r = strbuf_addch(out, *++s);
		else
			r = strbuf_addch(out, *s);
	}
	if (r < 0)
		return error_oom(err);
	if (quote)
		return error_set(err, -EINVAL, "a quote (%c) is not closed", quote);
	*p = s;
	return 0;
}

static int add_word(struct ctl_line *l, const char *word, struct error *err)
{
	if (!l->name) {
		l->name = strdup(word);
		return l->name ? 0 : error_oom(err);
	}
	if (l->words.n == CTL_WORDS_MAX)
		return error_set(err, -E2BIG, "more than %d words", CTL_WORDS_MAX);
	return strv_add(&l->words, word) < 0 ? error_oom(err) : 0;
}

static int parse(const char *p, struct ctl_line *l, struct error *err)
{
	int r = 0;

	if (strlen(p) > CTL_LINE_MAX)
		return error_set(err, -E2BIG, "longer than %u bytes", CTL_LINE_MAX);
	for (p += strspn(p, BLANKS); *p && r == 0; p += strspn(p, BLANKS)) {
		_cleanup_strbuf_ struct strbuf word = STRBUF_INIT;
		const char *json = str_after(p, "json://");

		if (!l->name && *p == '#')
			break;
		if (l->name && json) {
			l->json = strdup(json);
			return l->json ? 0 : error_oom(err);
		}
		r = read_word(&p, &word, err);
		if (r == 0)
			r = add_word(l, word.buf, err);
	}
	return r;
}

int ctl_line_parse(const char *text, struct ctl_line *ret, struct error *err)
{
	struct ctl_line l = CTL_LINE_INIT;
	int r = parse(text, &l, err);

	if (r < 0) {
		ctl_line_release(&l);
		return r;
	}
	*ret = l;
	return 0;
}

void ctl_line_release(struct ctl_line *l)
{
	free(l->name);
	strv_release(&l->words);
	free(l->json);
	*l = (struct ctl_line)CTL_LINE_INIT;
}

const char *ctl_line_rest(const char *text)
{
	text += strspn(text, BLANKS);
	text += strcspn(text, BLANKS);
	return text + strspn(text, BLANKS);
}
