/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report.h"

#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/time.h"
#include "codec/json.h"

int report_size(uint64_t bytes, struct strbuf *out)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)bytes;
	size_t u = 0;

	if (bytes < 1024)
		return strbuf_addf(out, "%u B", (unsigned)bytes);
	for (v /= 1024; v >= 1023.95 && u + 1 < ARRAY_SIZE(units); u++)
		v /= 1024;
	return strbuf_addf(out, "%.1f %s", v, units[u]);
}

static const char *noun(uint64_t n)
{
	return n == 1 ? "package" : "packages";
}

int report_live_line(const struct progress_state *s, size_t width, struct strbuf *out)
{
	size_t begin = out->len;
	int r = strbuf_addstr(out, progress_stage_name(s->stage));

	if (s->items_total)
		r |= strbuf_addf(out, "  %llu/%llu %s", (unsigned long long)s->items,
				 (unsigned long long)s->items_total, noun(s->items_total));
	else if (s->items)
		r |= strbuf_addf(out, "  %llu %s", (unsigned long long)s->items, noun(s->items));
	if (s->bytes || s->bytes_total) {
		r |= strbuf_addstr(out, "  ");
		r |= report_size(s->bytes, out);
	}
	if (s->bytes_total) {
		r |= strbuf_addch(out, '/');
		r |= report_size(s->bytes_total, out);
	}
	if (s->bytes && s->usec >= USEC_PER_SEC / 10) {
		r |= strbuf_addstr(out, "  ");
		r |= report_size((uint64_t)((double)s->bytes * USEC_PER_SEC / (double)s->usec),
				 out);
		r |= strbuf_addstr(out, "/s");
	}
	if (s->what)
		r |= strbuf_addstr(out, "  ") | escape_name(out, s->what);
	if (r == 0 && out->len - begin > width)
		strbuf_setlen(out, begin + width);
	return r ? -ENOMEM : 0;
}

/* "57 packages" or, before the end, "57 of 125 packages". */
static int add_counts(enum progress_event e, const struct progress_state *s, struct strbuf *out)
{
	const bool of = e == PROGRESS_UPDATE;
	int r = 0;

	if (s->items || (of && s->items_total)) {
		r |= strbuf_addf(out, "%llu ", (unsigned long long)s->items);
		if (of && s->items_total)
			r |= strbuf_addf(out, "of %llu ", (unsigned long long)s->items_total);
		r |= strbuf_addf(out, "%s, ",
				 noun(of && s->items_total ? s->items_total : s->items));
	}
	if (s->bytes || (of && s->bytes_total)) {
		r |= report_size(s->bytes, out);
		if (of && s->bytes_total) {
			r |= strbuf_addstr(out, " of ");
			r |= report_size(s->bytes_total, out);
		}
		r |= strbuf_addstr(out, ", ");
	}
	return r;
}

int report_plain_line(enum progress_event e, const struct progress_state *s, struct strbuf *out)
{
	int r = strbuf_addf(out, "%s%s", progress_stage_name(s->stage), s->what ? " " : "");

	if (s->what)
		r |= escape_text(out, s->what);
	r |= strbuf_addstr(out, ": ");
	r |= add_counts(e, s, out);
	r |= strbuf_addf(out, "%.2f s%s", (double)s->usec / USEC_PER_SEC,
			 e == PROGRESS_UPDATE ? " so far" : "");
	return r ? -ENOMEM : 0;
}

int report_json_line(enum progress_event e, const struct progress_state *s, struct strbuf *out)
{
	static const char *const events[] = { [PROGRESS_BEGIN] = "stage-begin",
					      [PROGRESS_UPDATE] = "progress",
					      [PROGRESS_END] = "stage-end" };
	_cleanup_strbuf_ struct strbuf what = STRBUF_INIT;
	struct json_out o;

	if (s->what && escape_utf8(&what, s->what) < 0)
		return -ENOMEM;
	json_out_init(&o, out, NULL);
	json_out_object(&o, NULL);
	json_out_string(&o, "event", events[e]);
	json_out_string(&o, "stage", progress_stage_name(s->stage));
	if (s->what)
		json_out_string(&o, "what", what.buf);
	if (e != PROGRESS_BEGIN)
		json_out_u64(&o, "items", s->items);
	if (s->items_total)
		json_out_u64(&o, "items_total", s->items_total);
	if (e != PROGRESS_BEGIN)
		json_out_u64(&o, "bytes", s->bytes);
	if (s->bytes_total)
		json_out_u64(&o, "bytes_total", s->bytes_total);
	if (e != PROGRESS_BEGIN)
		json_out_u64(&o, "usec", s->usec);
	json_out_end(&o);
	return json_out_finish(&o);
}
