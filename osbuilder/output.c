/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/agent_note.h"
#include "base/alloc.h"
#include "base/fd.h"
#include "base/parse.h"
#include "compat/elf.h"
#include "hint.h"
#include "sbom.h"

int output_open(struct output *o, const char *path, struct error *err)
{
	int r;

	o->path = path;
	o->manifest_path = str_printf("%s" MANIFEST_SUFFIX, path);
	if (!o->manifest_path)
		return error_oom(err);
	r = file_out_open(&o->file, AT_FDCWD, path, 0644, err);
	if (r == -ENOENT)
		return error_hint(err, r, HINT_DIRECTORY);
	if (r == 0)
		r = file_out_open(&o->manifest, AT_FDCWD, o->manifest_path, 0644, err);
	return r;
}

/* The hash as far as it has come; only the thread uses it while that runs. */
struct hash_thread {
	struct sha sha;
	int fd;
	uint64_t done, upto;
	bool running;
	pthread_t id;
	int r;
	struct error err;
};

static int hash_zeros(struct hash_thread *h, uint64_t n, struct error *err)
{
	static const uint8_t zeros[4096];
	int r = 0;

	for (; r == 0 && n; n -= MIN(n, (uint64_t)sizeof(zeros)))
		r = sha_update(&h->sha, zeros, (size_t)MIN(n, (uint64_t)sizeof(zeros)));
	return r < 0 ? error_set(err, r, "libcrypto failed to hash") : 0;
}

/* The file has `upto` bytes at least. Its holes are not read: the kernel would fill its cache with their zeros. */
static int hash_upto(struct hash_thread *h, uint64_t upto, struct error *err)
{
	int r = 0;

	while (r == 0 && h->done < upto) {
		off_t at = lseek(h->fd, (off_t)h->done, SEEK_DATA);
		const bool hole = at < 0 ? errno == ENXIO : (uint64_t)at > h->done;
		uint64_t next = upto;

		if (!hole)
			at = lseek(h->fd, (off_t)h->done, SEEK_HOLE);
		if (at >= 0 && (uint64_t)at > h->done)
			next = MIN(upto, (uint64_t)at);
		r = hole ? hash_zeros(h, next - h->done, err)
			 : sha_update_fd(&h->sha, h->fd, h->done, next - h->done, err);
		h->done = next;
	}
	return r;
}

static void *hash_run(void *arg)
{
	struct hash_thread *h = arg;

	h->r = hash_upto(h, h->upto, &h->err);
	return NULL;
}

static void hash_free(struct hash_thread *h)
{
	if (!h)
		return;
	if (h->running)
		pthread_join(h->id, NULL);
	sha_release(&h->sha);
	free(h);
}

int output_hash_begin(struct output *o, struct error *err)
{
	struct hash_thread *h = new0(struct hash_thread);

	if (!h)
		return error_oom(err);
	o->hash = h;
	h->fd = o->file.fd;
	return sha_begin(&h->sha, SHA_KIND_512) < 0
		       ? error_set(err, -EIO, "libcrypto has no SHA-512")
		       : 0;
}

int output_hash_add(struct output *o, uint64_t offset, const uint8_t *data, size_t len,
		    struct error *err)
{
	struct hash_thread *h = o->hash;
	int r = hash_upto(h, offset, err);

	if (r == 0 && sha_update(&h->sha, data, len) < 0)
		r = error_set(err, -EIO, "libcrypto failed to hash");
	h->done = offset + len;
	return r;
}

int output_hash_ahead(struct output *o, uint64_t upto, struct error *err)
{
	int r = output_hash_begin(o, err);

	if (r < 0)
		return r;
	o->hash->upto = upto;
	o->hash->running = pthread_create(&o->hash->id, NULL, hash_run, o->hash) == 0;
	return 0;
}

/* Hashes what is left up to `size`. */
static int hash_finish(struct output *o, uint64_t size, char hex[SHA_HEX_MAX], struct error *err)
{
	uint8_t digest[SHA_SIZE_MAX];
	struct hash_thread *h;
	int r = o->hash ? 0 : output_hash_begin(o, err);

	if (r < 0)
		return r;
	h = o->hash;
	if (h->running) {
		pthread_join(h->id, NULL);
		h->running = false;
		if (h->r < 0)
			return error_set(err, h->r, "%s", error_text(&h->err));
	}
	r = hash_upto(h, size, err);
	if (r == 0 && sha_finish(&h->sha, digest) < 0)
		r = error_set(err, -EIO, "libcrypto failed to hash");
	if (r == 0)
		hex_encode(hex, digest, SHA_SIZE_512);
	return r;
}

int output_describe(struct output *o, struct manifest *m, struct error *err)
{
	_cleanup_strbuf_ struct strbuf json = STRBUF_INIT;
	char hex[SHA_HEX_MAX];
	struct stat st;
	int r;

	if (fstat(o->file.fd, &st) < 0)
		return error_sys(err, -errno, "'%s'", o->path);
	m->size = m->sha512_size = (uint64_t)st.st_size;
	/* An image is padded with a hole, up to 128 MiB of it: hashing that would take longer than all the rest. */
	if (m->n_parts)
		m->sha512_size = m->parts[m->n_parts - 1].offset + m->parts[m->n_parts - 1].size;
	r = hash_finish(o, m->sha512_size, hex, err);
	if (r < 0)
		return error_prefix(err, "'%s'", o->path);
	memcpy(m->sha512, hex, sizeof(m->sha512));
	memcpy(o->sha512, hex, sizeof(o->sha512));
	o->size = m->size;
	o->sha512_size = m->sha512_size;
	r = manifest_to_json(m, &json, err);
	if (r < 0)
		return r;
	r = fd_write_full(o->manifest.fd, json.buf, json.len);
	return r < 0 ? error_sys(err, r, "cannot write '%s'", o->manifest_path) : 0;
}

int output_commit(struct output *o, struct error *err)
{
	_cleanup_free_ char *sbom = str_printf("%s" SBOM_SUFFIX, o->path);
	int r;

	if (!sbom)
		return error_oom(err);
	if (unlink(o->manifest_path) < 0 && errno != ENOENT)
		return error_sys(err, -errno, "cannot remove '%s'", o->manifest_path);
	if (unlink(sbom) < 0 && errno != ENOENT)
		return error_sys(err, -errno, "cannot remove '%s'", sbom);
	hash_free(o->hash);
	o->hash = NULL;
	r = file_out_commit(&o->file, err);
	return r < 0 ? r : file_out_commit(&o->manifest, err);
}

void output_release(struct output *o)
{
	hash_free(o->hash); /* before the file that it reads */
	o->hash = NULL;
	file_out_release(&o->file);
	file_out_release(&o->manifest);
	free(o->manifest_path);
	o->manifest_path = NULL;
}

static int replace(char **old, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*old);
	*old = copy;
	return 0;
}

int manifest_set_agent(struct manifest *m, const struct agent_file *a, const char *path,
		       struct error *err)
{
	char note[AGENT_NOTE_DESC_MAX + 1];
	char *space;

	hex_encode(m->agent_sha256, a->sha256, sizeof(a->sha256));
	if (replace(&m->agent_path, path) < 0)
		return error_oom(err);
	free(m->agent_version);
	free(m->agent_protocol);
	m->agent_version = m->agent_protocol = NULL;
	if (elf_find_note(a->fd, AGENT_NOTE_OWNER, AGENT_NOTE_TYPE, note, sizeof(note), NULL) < 0)
		return 0;
	space = strchr(note, ' ');
	if (!space)
		return error_set(err, -EBADMSG, "agent '%s': its note '%s' has no protocol version",
				 a->path, note);
	*space = '\0';
	m->agent_version = strdup(note);
	m->agent_protocol = strdup(space + 1);
	return m->agent_version && m->agent_protocol ? 0 : error_oom(err);
}

void manifest_set_uuid(struct manifest *m, const uint8_t u[16])
{
	static const char digits[] = "0123456789abcdef";
	size_t at = 0;

	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			m->uuid[at++] = '-';
		m->uuid[at++] = digits[u[i] >> 4];
		m->uuid[at++] = digits[u[i] & 15];
	}
	m->uuid[at] = '\0';
}
