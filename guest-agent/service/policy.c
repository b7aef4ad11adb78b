/* SPDX-License-Identifier: Apache-2.0 */
#include "service/policy.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/strbuf.h"
#include "codec/toml.h"

#define TEXT_MAX 32 /* of a number, a boolean */

struct rule {
	struct toml_value *rpc;	   /* a string or an array of strings */
	struct toml_value *fields; /* a table, or NULL */
};

struct policy {
	struct toml_doc *doc; /* the rules point into it */
	struct rule *rules;
	size_t n;
};

int policy_match(const char *pattern, const char *text)
{
	const char *star = NULL, *again = NULL;

	for (;;) {
		if (*pattern == '*') {
			star = ++pattern;
			again = text;
		} else if (*text && (*pattern == '?' || *pattern == *text)) {
			pattern++;
			text++;
		} else if (!*text && !*pattern) {
			return 1;
		} else if (star && *again) { /* the last star takes one more */
			pattern = star;
			text = ++again;
		} else {
			return 0;
		}
	}
}

/* v: one pattern or an array of them. */
static bool any_matches(struct toml_value *v, const char *text)
{
	struct toml_value *p;

	if (v->type == TOML_STRING)
		return policy_match(v->str.s, text);
	toml_for_each(p, v) if (policy_match(p->str.s, text)) return true;
	return false;
}

/* ---- requests ------------------------------------------------------------------------------------------------------- */

static bool is_message(const ProtobufCFieldDescriptor *f)
{
	return f->type == PROTOBUF_C_TYPE_MESSAGE;
}

/* The field that a path begins with, and *rest: what follows its dot, NULL at the end. */
static const ProtobufCFieldDescriptor *first_field(const ProtobufCMessageDescriptor *desc,
						   const char *path, const char **rest)
{
	const char *dot = strchr(path, '.');
	size_t n = dot ? (size_t)(dot - path) : strlen(path);

	*rest = dot ? dot + 1 : NULL;
	for (unsigned int i = 0; i < desc->n_fields; i++)
		if (strlen(desc->fields[i].name) == n && memcmp(desc->fields[i].name, path, n) == 0)
			return &desc->fields[i];
	return NULL;
}

static size_t value_size(const ProtobufCFieldDescriptor *f)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return sizeof(uint64_t);
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	default:
		return sizeof(uint32_t);
	}
}

/* A value as text: its own, or in buf. p points to the value in the message. */
static const char *value_text(const ProtobufCFieldDescriptor *f, const void *p, char buf[TEXT_MAX])
{
	protobuf_c_boolean b;
	const char *s;
	uint32_t u32;
	uint64_t u64;

	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		memcpy(&s, p, sizeof(s));
		return s ? s : "";
	case PROTOBUF_C_TYPE_BOOL:
		memcpy(&b, p, sizeof(b));
		return b ? "true" : "false";
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		memcpy(&u64, p, sizeof(u64));
		snprintf(buf, TEXT_MAX, "%" PRIu64, u64);
		return buf;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		memcpy(&u64, p, sizeof(u64));
		snprintf(buf, TEXT_MAX, "%" PRId64, (int64_t)u64);
		return buf;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		memcpy(&u32, p, sizeof(u32));
		snprintf(buf, TEXT_MAX, "%" PRIu32, u32);
		return buf;
	default: /* what check_path() lets through: int32, sint32, sfixed32, enum */
		memcpy(&u32, p, sizeof(u32));
		snprintf(buf, TEXT_MAX, "%" PRId32, (int32_t)u32);
		return buf;
	}
}

static bool message_matches(const ProtobufCMessage *msg, const char *path, struct toml_value *v);

static bool value_matches(const ProtobufCFieldDescriptor *f, const void *p, const char *rest,
			  struct toml_value *v)
{
	const ProtobufCMessage *sub;
	char buf[TEXT_MAX];

	if (!is_message(f))
		return any_matches(v, value_text(f, p, buf));
	sub = *(const ProtobufCMessage *const *)p;
	return sub && message_matches(sub, rest, v);
}

static bool message_matches(const ProtobufCMessage *msg, const char *path, struct toml_value *v)
{
	const char *rest;
	const ProtobufCFieldDescriptor *f = first_field(msg->descriptor, path, &rest);
	const char *base = (const char *)msg;
	uint32_t which;
	size_t n;

	if (!f)
		return false; /* cannot be: check_path() has seen it */
	if (f->label == PROTOBUF_C_LABEL_REPEATED) {
		const char *values;

		memcpy(&n, base + f->quantifier_offset, sizeof(n));
		memcpy(&values, base + f->offset, sizeof(values));
		for (size_t i = 0; i < n; i++)
			if (!value_matches(f, values + i * value_size(f), rest, v))
				return false;
		return true;
	}
	if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
		memcpy(&which, base + f->quantifier_offset, sizeof(which));
		if (which != f->id)
			return false; /* not set */
	}
	return value_matches(f, base + f->offset, rest, v);
}

/* ---- rules ---------------------------------------------------------------------------------------------------------- */

static bool rule_allows(const struct rule *rule, const struct ttrpc_method *m,
			const ProtobufCMessage *req)
{
	struct toml_value *f;

	if (!any_matches(rule->rpc, m->name))
		return false;
	toml_for_each(f, rule->fields) if (!message_matches(req, f->key, f)) return false;
	return true;
}

int policy_check(const struct policy *p, const struct ttrpc_method *method,
		 const ProtobufCMessage *req, struct error *err)
{
	if (!p)
		return 0;
	for (size_t i = 0; i < p->n; i++)
		if (rule_allows(&p->rules[i], method, req))
			return 0;
	/* Upstream's words, which its users' tests look for. */
	return error_set(err, -EPERM, "%s is blocked by policy", req->descriptor->short_name);
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

struct reader {
	const struct ttrpc_method *methods;
	size_t n_methods;
};

static int check_strings(struct toml_value *v, struct error *err)
{
	struct toml_value *e;
	const char *text;

	if (v->type != TOML_ARRAY)
		return toml_as_string(v, &text, err);
	toml_for_each(e, v) if (toml_as_string(e, &text, err) < 0) return err->code;
	return toml_first(v) ? 0 : toml_fail(v, err, "an empty list");
}

/* The path leads to a value that has a text. */
static int check_path(const ProtobufCMessageDescriptor *desc, struct toml_value *v,
		      struct error *err)
{
	const char *path = v->key, *rest;
	const ProtobufCMessageDescriptor *d = desc;

	if (strlen(path) != v->key_len)
		return toml_fail(v, err, "a NUL character in a name");
	for (; path; path = rest) {
		const ProtobufCFieldDescriptor *f = first_field(d, path, &rest);

		if (!f)
			return toml_fail(v, err, "%s has no field \"%s\"", d->short_name, path);
		if (is_message(f) != (rest != NULL))
			return toml_fail(v, err, "%s.%s is %s", d->short_name, f->name,
					 rest ? "not a message" : "a message: name its fields");
		if (f->type == PROTOBUF_C_TYPE_BYTES || f->type == PROTOBUF_C_TYPE_FLOAT ||
		    f->type == PROTOBUF_C_TYPE_DOUBLE)
			return toml_fail(v, err, "%s.%s has no text to compare", d->short_name,
					 f->name);
		d = f->descriptor;
	}
	return 0;
}

static int check_fields(const struct reader *rd, const struct rule *rule, struct error *err)
{
	struct toml_value *f;
	size_t hits = 0;

	for (size_t i = 0; i < rd->n_methods; i++) {
		if (!any_matches(rule->rpc, rd->methods[i].name))
			continue;
		hits++;
		toml_for_each(f, rule->fields) if (check_path(rd->methods[i].request, f, err) <
						   0) return err->code;
	}
	return hits ? 0 : toml_fail(rule->rpc, err, "the service has no such call");
}

static int read_rule(const struct reader *rd, struct toml_value *v, struct rule *ret,
		     struct error *err)
{
	struct toml_value *table = NULL, *f;

	if (toml_as_table(v, &table, err) < 0)
		return err->code;
	ret->rpc = toml_find(table, "rpc");
	if (!ret->rpc)
		return toml_fail(v, err, "rpc is missing");
	if (check_strings(ret->rpc, err) < 0 ||
	    toml_get_table(table, "fields", &ret->fields, err) < 0)
		return err->code;
	/* Each name of a list has to be one, or a rule would silently be smaller than it looks. */
	toml_for_each(f, ret->rpc)
	{
		struct rule one = { .rpc = f };

		if (check_fields(rd, &one, err) < 0)
			return err->code;
	}
	toml_for_each(f, ret->fields) if (check_strings(f, err) < 0) return err->code;
	if (ret->fields)
		toml_use_all(ret->fields);
	return check_fields(rd, ret, err);
}

static int on_unused(const struct toml_value *v, void *arg)
{
	return toml_fail(v, arg, "unknown key");
}

static int read_rules(const struct reader *rd, struct policy *p, struct error *err)
{
	struct toml_value *root = toml_root(p->doc), *list = NULL, *v;
	int64_t format = 0;

	if (toml_get_int(root, "format", 1, 1, &format, err) < 0 ||
	    toml_get_array(root, "allow", &list, err) < 0)
		return err->code;
	if (!format)
		return error_set(err, -EINVAL, "%s: format is missing (format = 1)",
				 toml_name(p->doc));
	if (toml_count(list) > POLICY_MAX_RULES)
		return toml_fail(list, err, "more than %d rules", POLICY_MAX_RULES);
	p->rules = new0_array(struct rule, toml_count(list));
	if (!p->rules)
		return error_oom(err);
	toml_for_each(v, list) if (read_rule(rd, v, &p->rules[p->n++], err) < 0) return err->code;
	return toml_for_each_unused(p->doc, on_unused, err);
}

/* A Rego module begins with "package NAME", after comments, which it shares with TOML. */
static bool is_rego(const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		if (*text == ' ' || *text == '\t' || *text == '\n' || *text == '\r') {
			text++;
		} else if (*text == '#') {
			const char *nl = memchr(text, '\n', (size_t)(end - text));

			text = nl ? nl : end;
		} else {
			break;
		}
	}
	return end - text > 8 && memcmp(text, "package", 7) == 0 &&
	       (text[7] == ' ' || text[7] == '\t');
}

struct policy *policy_free(struct policy *p)
{
	if (!p)
		return NULL;
	toml_free(p->doc);
	free(p->rules);
	free(p);
	return NULL;
}

int policy_parse(const char *text, size_t len, const char *name, const struct ttrpc_method *methods,
		 size_t n_methods, struct policy **ret, struct error *err)
{
	const struct reader rd = { methods, n_methods };
	struct policy *p;
	int r;

	if (len > POLICY_MAX_BYTES)
		return error_set(err, -EFBIG, "%s: longer than %u bytes", name, POLICY_MAX_BYTES);
	if (is_rego(text, len))
		return error_set(err, -EINVAL,
				 "%s: this is a Rego policy, which this agent cannot evaluate; it "
				 "takes rules in TOML",
				 name);
	p = new0(struct policy);
	if (!p)
		return error_oom(err);
	r = toml_parse(text, len, name, &p->doc, err);
	if (r == 0)
		r = read_rules(&rd, p, err);
	if (r < 0) {
		policy_free(p);
		return r;
	}
	*ret = p;
	return 0;
}
