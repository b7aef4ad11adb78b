/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/agent-ctl/request.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include "base/alloc.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "tools/agent-ctl/request_auto.h"
#include "wire/agent.pb-c.h"
#include "wire/health.pb-c.h"

#define FILE_PREFIX "file://"

/* ---- methods ---- */

const ProtobufCServiceDescriptor *const ctl_services[] = {
	&grpc__agent_service__descriptor,
	&grpc__health__descriptor,
	NULL,
};

const ProtobufCMethodDescriptor *ctl_method(const char *name,
					    const ProtobufCServiceDescriptor **ret_service)
{
	for (size_t i = 0; ctl_services[i]; i++) {
		for (unsigned int k = 0; k < ctl_services[i]->n_methods; k++) {
			if (strcasecmp(ctl_services[i]->methods[k].name, name) != 0)
				continue;
			*ret_service = ctl_services[i];
			return &ctl_services[i]->methods[k];
		}
	}
	return NULL;
}

void ctl_request_release(struct ctl_request *r)
{
	message_builder_release(&r->b);
	strv_release(&r->given);
	r->spec = oci_spec_free(r->spec);
}

int ctl_random_id(char buf[CTL_ID_LEN + 1], struct error *err)
{
	uint8_t random[CTL_ID_LEN / 2];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return error_sys(err, -errno, "getrandom");
	hex_encode(buf, random, sizeof(random));
	return 0;
}

const char *ctl_field_text(const ProtobufCMessage *msg, const char *name)
{
	const ProtobufCFieldDescriptor *fd = message_find_path(msg->descriptor, name);

	if (!fd || fd->type != PROTOBUF_C_TYPE_STRING || fd->label == PROTOBUF_C_LABEL_REPEATED)
		return NULL;
	return *(char *const *)(const void *)((const char *)msg + fd->offset);
}

/* ---- words ---- */

static const struct {
	const char *name, *path;
} short_names[] = {
	{ "sid", "sandbox_id" },    { "cid", "container_id" },
	{ "args", "process.Args" }, { "args", "OCI.Process.Args" },
	{ "spec", "process" }, /* handled before: the config.json that process or OCI are taken from */
	{ "spec", "OCI" },
};

/* The path that a word's name stands for in this message; NULL: none. */
static const char *path_of(const ProtobufCMessageDescriptor *desc, const char *name)
{
	if (message_find_path(desc, name))
		return name;
	for (size_t i = 0; i < ARRAY_SIZE(short_names); i++)
		if (strcmp(short_names[i].name, name) == 0 &&
		    message_find_path(desc, short_names[i].path))
			return short_names[i].path;
	return NULL;
}

bool ctl_word_is_field(const ProtobufCMessageDescriptor *desc, const char *word)
{
	const char *eq = strchr(word, '=');
	_cleanup_free_ char *name = eq ? mem_dup0(word, (size_t)(eq - word)) : NULL;

	return name && path_of(desc, name) != NULL;
}

static int read_input(const struct ctl_values *v, const char *path, struct strbuf *out,
		      struct error *err)
{
	if (v->no_files)
		return error_set(err, -EPERM, "files are not read here");
	return file_read(AT_FDCWD, path, CTL_FILE_MAX, out, err);
}

/* path=text, and the second and later values of a list are added. */
static int set_text(struct ctl_request *q, const char *path, const char *text, size_t len,
		    struct error *err)
{
	int r = message_set_text(&q->b, q->msg, path, text, len, strv_has(&q->given, path), err);

	if (r == 0 && strv_add(&q->given, path) < 0)
		r = error_oom(err);
	return r;
}

/* "sh -c 'exit 3'" as a list of its words. */
static int set_args(struct ctl_request *q, const char *path, const char *text, struct error *err)
{
	_cleanup_ctl_line_ struct ctl_line line = CTL_LINE_INIT;
	int r = ctl_line_parse(text, &line, err);

	if (r < 0)
		return error_prefix(err, "args");
	if (!line.name || line.json)
		return error_set(err, -EINVAL, "args: no command");
	r = set_text(q, path, line.name, strlen(line.name), err);
	for (size_t i = 0; i < line.words.n && r == 0; i++)
		r = set_text(q, path, line.words.v[i], strlen(line.words.v[i]), err);
	return r;
}

static int set_from_file(const struct ctl_values *v, struct ctl_request *q, const char *path,
			 const char *file, struct error *err)
{
	const ProtobufCFieldDescriptor *fd = message_find_path(q->msg->descriptor, path);
	bool json = fd->type == PROTOBUF_C_TYPE_MESSAGE || fd->label == PROTOBUF_C_LABEL_REPEATED;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r = strbuf_addstr(&text, json ? "json://" : "");

	if (r < 0)
		return error_oom(err);
	r = read_input(v, file, &text, err);
	return r < 0 ? error_prefix(err, "%s", path) : set_text(q, path, text.buf, text.len, err);
}

static int set_signal(struct ctl_request *q, const char *path, const char *value, struct error *err)
{
	int signo = parse_signal(value);
	char number[16];

	if (signo < 0) /* whatever number the agent is to see */
		return set_text(q, path, value, strlen(value), err);
	(void)snprintf(number, sizeof(number), "%d", signo);
	return set_text(q, path, number, strlen(number), err);
}

static int apply_word(const struct ctl_values *v, struct ctl_request *q, const char *word,
		      struct error *err)
{
	const char *eq = strchr(word, '='), *value = eq ? eq + 1 : NULL, *path, *file;
	_cleanup_free_ char *name = eq ? mem_dup0(word, (size_t)(eq - word)) : NULL;

	if (!eq)
		return error_set(err, -EINVAL,
				 "\"%.64s\": expected PATH=VALUE, file://PATH or json://{...}",
				 word);
	if (!name)
		return error_oom(err);
	path = path_of(q->msg->descriptor, name);
	if (!path) /* for its message */
		return message_set_text(&q->b, q->msg, name, value, strlen(value), false, err);
	if (strcmp(name, "spec") == 0 && path != name)
		return 0; /* done before */
	if (strcmp(name, "args") == 0 && path != name)
		return set_args(q, path, value, err);
	if (strcmp(path, "signal") == 0)
		return set_signal(q, path, value, err);
	file = str_after(value, FILE_PREFIX);
	return file ? set_from_file(v, q, path, file, err)
		    : set_text(q, path, value, strlen(value), err);
}

static int merge_json(struct ctl_request *q, const char *text, size_t len, struct error *err)
{
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	int r = json_doc_parse(text, len, CTL_FILE_MAX, &doc, err);

	return r < 0 ? r : message_merge_json(&q->b, q->msg, json_doc_root(doc), err);
}

static int merge_file(const struct ctl_values *v, struct ctl_request *q, const char *path,
		      struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r = read_input(v, path, &text, err);

	if (r < 0)
		return r;
	r = merge_json(q, text.buf, text.len, err);
	return r < 0 ? error_prefix(err, "%s", path) : 0;
}

/* The file that spec= names, or NULL. */
static const char *spec_word(const struct ctl_request *q, const struct ctl_line *line)
{
	const char *found = NULL;

	for (size_t i = 0; i < line->words.n; i++) {
		const char *value = str_after(line->words.v[i], "spec=");

		if (value && !message_find_path(q->msg->descriptor, "spec"))
			found = value;
	}
	return found;
}

static int fill(struct ctl_values *v, const struct ctl_line *line, struct ctl_request *q,
		struct error *err)
{
	const char *spec = spec_word(q, line);
	int r = 0;

	q->any = line->words.n > 0 || line->json;
	if (spec && v->no_files)
		return error_set(err, -EPERM, "files are not read here");
	if (spec || !v->none)
		r = ctl_auto_spec(v, spec, q, err);
	for (size_t i = 0; i < line->words.n && r == 0; i++) {
		const char *file = str_after(line->words.v[i], FILE_PREFIX);

		if (file)
			r = merge_file(v, q, file, err);
	}
	if (r == 0 && line->json)
		r = merge_json(q, line->json, strlen(line->json), err);
	for (size_t i = 0; i < line->words.n && r == 0; i++)
		if (!str_after(line->words.v[i], FILE_PREFIX))
			r = apply_word(v, q, line->words.v[i], err);
	if (r == 0 && !v->none)
		r = ctl_auto_values(v, q, err);
	return r;
}

int ctl_request_build(struct ctl_values *v, const char *name, const struct ctl_line *line,
		      struct ctl_request *ret, struct error *err)
{
	int r;

	ret->method = ctl_method(name, &ret->service);
	if (!ret->method)
		return error_set(err, -EINVAL,
				 "\"%.64s\" is neither a built-in command nor a call of the "
				 "agent: \"list\" shows them",
				 name);
	ret->msg = message_new(&ret->b, ret->method->input);
	if (!ret->msg)
		return error_oom(err);
	r = fill(v, line, ret, err);
	if (r == 0)
		r = ctl_values_remember(v, ret, err);
	return r < 0 ? error_prefix(err, "%s", ret->method->name) : 0;
}
