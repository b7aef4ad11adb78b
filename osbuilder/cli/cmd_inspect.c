/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/agent_note.h"
#include "base/alloc.h"
#include "base/escape.h"
#include "base/fd.h"
#include "codec/json.h"
#include "compat/elf.h"
#include "disk/pfn.h"
#include "image_read.h"
#include "sbom.h"
#include "source/installed.h"
#include "writer/le.h"

struct inspect_args {
	bool json;
};

static const struct cli_option options[] = {
	{ "json", NULL, "print it as JSON", CLI_FLAG(struct inspect_args, json) },
	{ NULL },
};

/* Where the agent is looked for when there is no manifest: upstream's path, and the guest's init. */
static const char *const agent_paths[] = { "/usr/bin/kata-agent", "/sbin/init", "/init" };

static const char *const kinds[] = {
	[IMAGE_DISK] = "image", [IMAGE_FILESYSTEM] = "filesystem", [IMAGE_INITRD] = "initrd",
	[IMAGE_TAR] = "tar",	[IMAGE_DIRECTORY] = "directory",
};

struct facts {
	const char *path;
	struct image_info info;
	struct manifest manifest; /* when info.has_manifest */
	const char *kind;
	uint64_t size, allocated; /* bytes of the file, and on the disk */
	bool has_sbom;
	uint64_t pfn_checksum; /* when info.dax: image_check() has found it right */
	char unreadable[256];  /* why there are no entries; empty: there are */
	size_t entries;
	uint64_t bytes; /* of all files */
	/* "VERSION PROTOCOL" of the agent in the image; empty when unknown */
	char agent[AGENT_NOTE_DESC_MAX + 1];
};

static void facts_release(struct facts *f)
{
	manifest_release(&f->manifest);
}

/* What the file itself says, and what lies beside it. */
static int look(struct facts *f, struct error *err)
{
	_cleanup_free_ char *sbom = str_printf("%s" SBOM_SUFFIX, f->path);
	_cleanup_fd_ int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	unsigned char sum[8];
	struct stat st;

	if (!sbom)
		return error_oom(err);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, -errno, "'%s'", f->path);
	if (S_ISDIR(st.st_mode))
		return 0;
	f->size = (uint64_t)st.st_size;
	f->allocated = (uint64_t)st.st_blocks * 512; /* st_blocks' unit: stat(2) */
	if (fd_pread_full(fd, sum, sizeof(sum), PFN_OFFSET + PFN_SIZE - sizeof(sum)) == 0)
		f->pfn_checksum = le_get64(sum);
	f->has_sbom = access(sbom, F_OK) == 0;
	return 0;
}

static int count(struct tree_node *n, void *data)
{
	struct facts *f = data;

	f->entries++;
	if (S_ISREG(n->inode->mode))
		f->bytes += n->inode->content.size;
	return 0;
}

/* The note of the agent in the tree; anything that goes wrong leaves it unknown. */
static void find_agent(struct facts *f, struct tree *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(agent_paths) && !*f->agent; i++) {
		struct tree_node *n = tree_resolve(t, agent_paths[i]);
		_cleanup_fd_ int fd = -1;

		if (!n || !S_ISREG(n->inode->mode) || fd_memfd("agent", &fd) < 0 ||
		    blob_copy_to_fd(&n->inode->content, fd, NULL) < 0)
			continue;
		if (elf_find_note(fd, AGENT_NOTE_OWNER, AGENT_NOTE_TYPE, f->agent, sizeof(f->agent),
				  NULL) < 0)
			f->agent[0] = '\0';
	}
}

/* What a guest boots is held to its manifest. */
static int check(struct facts *f, struct error *err)
{
	struct image_check_params p = { .path = f->path, .verify_sha512 = true };
	int r = image_is_initrd(f->path, &p.is_initrd, err);

	if (r == 0)
		r = image_check(&p, &f->info, err);
	if (r == 0 && p.is_initrd)
		f->kind = kinds[IMAGE_INITRD];
	if (r == 0 && f->info.has_manifest)
		r = manifest_load(f->path, &f->manifest, err);
	return r;
}

static int gather(struct facts *f, struct error *err)
{
	_cleanup_tree_ struct tree *t = NULL;
	struct error e = ERROR_INIT;
	struct image_source s = { .kind = IMAGE_DISK };
	int r = look(f, err);

	if (r == 0 && image_read(f->path, &t, &s, &e) < 0)
		snprintf(f->unreadable, sizeof(f->unreadable), "%.*s",
			 (int)sizeof(f->unreadable) - 1, error_text(&e));
	f->kind = kinds[s.kind];
	if (r == 0 && (s.kind == IMAGE_DISK || s.kind == IMAGE_INITRD))
		r = check(f, err);
	else
		snprintf(f->info.filesystem, sizeof(f->info.filesystem), "%s", s.filesystem);
	if (r < 0 || !t)
		return r;
	tree_walk(tree_root(t), count, f);
	find_agent(f, t);
	if (!f->info.has_manifest && installed_packages(t, &f->manifest.packages) < 0)
		return error_oom(err);
	return 0;
}

/* Version (0) or protocol (1) of the agent: what the manifest says, else the note in the image. Empty when unknown. */
static void agent_word(const struct facts *f, unsigned which, char out[AGENT_NOTE_DESC_MAX + 1])
{
	const char *known = which ? f->info.agent_protocol : f->info.agent_version;
	const char *space = strchr(f->agent, ' ');

	if (*known || !space)
		snprintf(out, AGENT_NOTE_DESC_MAX + 1, "%s", known);
	else if (which)
		snprintf(out, AGENT_NOTE_DESC_MAX + 1, "%s", space + 1);
	else
		snprintf(out, AGENT_NOTE_DESC_MAX + 1, "%.*s", (int)(space - f->agent), f->agent);
}

static const char *or_unknown(const char *s)
{
	return s && *s ? s : "unknown";
}

/* One line; what names bring along cannot begin another or reach the terminal. Out of memory it is left out. */
static _printf_(1, 2) void say(const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf raw = STRBUF_INIT, line = STRBUF_INIT;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = strbuf_vaddf(&raw, fmt, ap);
	va_end(ap);
	if (r == 0 && escape_text(&line, raw.buf) == 0)
		puts(line.buf);
}

static void say_partitions(const struct facts *f)
{
	const struct image_info *i = &f->info;

	say("dax: %s", i->dax ? "yes" : "no");
	for (unsigned k = 0; k < i->n_parts; k++) {
		unsigned long long start = i->parts[k].offset, size = i->parts[k].size;

		say("partition %u: offset %llu size %llu", k + 1, start, size);
		say("partition %u as a disk: start sector %llu, %llu sectors", k + 1,
		    start / DISK_SECTOR, size / DISK_SECTOR);
		if (i->dax)
			say("partition %u as persistent memory: start sector %llu, %llu sectors",
			    k + 1, (start - DISK_DAX_SIZE) / DISK_SECTOR, size / DISK_SECTOR);
	}
	if (i->dax)
		say("pfn checksum: %016llx, right", (unsigned long long)f->pfn_checksum);
	if (i->measured) {
		say("root hash: %s", i->verity.root_hash);
		say("verity: salt %s, %llu data blocks of %u bytes", i->verity.salt,
		    (unsigned long long)i->verity.data_blocks, i->verity.data_block_size);
	} else if (i->n_parts > 1) {
		say("root hash: not known, there is a second partition and no manifest");
	}
}

static void print_text(const struct facts *f)
{
	const struct image_info *i = &f->info;
	char version[AGENT_NOTE_DESC_MAX + 1], protocol[AGENT_NOTE_DESC_MAX + 1];

	agent_word(f, 0, version);
	agent_word(f, 1, protocol);
	say("file: %s", f->path);
	say("kind: %s", f->kind);
	say("size: %llu, %llu on the disk", (unsigned long long)f->size,
	    (unsigned long long)f->allocated);
	say("architecture: %s", or_unknown(i->arch));
	say("filesystem: %s", *i->filesystem ? i->filesystem : "none");
	if (*f->manifest.uuid)
		say("uuid: %s", f->manifest.uuid);
	if (i->n_parts)
		say_partitions(f);
	say("manifest: %s", i->has_manifest ? "yes" : "no");
	if (i->has_manifest)
		say("recipe: %s", f->manifest.recipe);
	say("bill of materials: %s", f->has_sbom ? "yes" : "no");
	say("agent: version %s protocol %s", or_unknown(version), or_unknown(protocol));
	if (i->has_manifest)
		say("init: %s", i->agent_is_init ? "the agent" : "not the agent");
	if (*f->unreadable)
		say("content: not readable: %s", f->unreadable);
	else
		say("content: %zu entries, %llu bytes in files", f->entries,
		    (unsigned long long)f->bytes);
	for (size_t k = 0; k < f->manifest.packages.n; k++) {
		const struct source_package *p = &f->manifest.packages.v[k];

		say("package: %s %s %s", p->name, or_unknown(p->version), or_unknown(p->arch));
	}
}

static void put_partitions(struct json_out *o, const struct facts *f)
{
	const struct image_info *i = &f->info;
	char sum[17];

	json_out_array(o, "partitions");
	for (unsigned k = 0; k < i->n_parts; k++) {
		json_out_object(o, NULL);
		json_out_u64(o, "offset", i->parts[k].offset);
		json_out_u64(o, "size", i->parts[k].size);
		json_out_u64(o, "disk_start_sector", i->parts[k].offset / DISK_SECTOR);
		if (i->dax)
			json_out_u64(o, "pmem_start_sector",
				     (i->parts[k].offset - DISK_DAX_SIZE) / DISK_SECTOR);
		json_out_end(o);
	}
	json_out_end(o);
	snprintf(sum, sizeof(sum), "%016llx", (unsigned long long)f->pfn_checksum);
	json_out_string(o, "pfn_checksum", i->dax ? sum : NULL);
	json_out_string(o, "root_hash", i->measured ? i->verity.root_hash : NULL);
	if (!i->measured) {
		json_out_null(o, "verity");
		return;
	}
	json_out_object(o, "verity");
	json_out_string(o, "root_hash", i->verity.root_hash);
	json_out_string(o, "salt", i->verity.salt);
	json_out_u64(o, "data_blocks", i->verity.data_blocks);
	json_out_u64(o, "data_block_size", i->verity.data_block_size);
	json_out_u64(o, "hash_block_size", i->verity.hash_block_size);
	json_out_end(o);
}

static void put_agent(struct json_out *o, const struct facts *f)
{
	const struct manifest *m = &f->manifest;
	char word[AGENT_NOTE_DESC_MAX + 1];

	json_out_object(o, "agent");
	agent_word(f, 0, word);
	json_out_string(o, "version", *word ? word : NULL);
	agent_word(f, 1, word);
	json_out_string(o, "protocol", *word ? word : NULL);
	json_out_string(o, "path", m->agent_path);
	json_out_string(o, "sha256", *m->agent_sha256 ? m->agent_sha256 : NULL);
	if (f->info.has_manifest)
		json_out_bool(o, "init", f->info.agent_is_init);
	else
		json_out_null(o, "init");
	json_out_end(o);
}

static void put_content(struct json_out *o, const struct facts *f)
{
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;

	if (*f->unreadable) {
		if (escape_utf8(&why, f->unreadable) < 0)
			o->code = -ENOMEM;
		json_out_null(o, "content");
		json_out_string(o, "content_unreadable", why.buf);
		return;
	}
	json_out_object(o, "content");
	json_out_u64(o, "entries", f->entries);
	json_out_u64(o, "bytes", f->bytes);
	json_out_end(o);
}

static void put_packages(struct json_out *o, const struct source_packages *p)
{
	json_out_array(o, "packages");
	for (size_t k = 0; k < p->n; k++) {
		json_out_object(o, NULL);
		json_out_string(o, "name", p->v[k].name);
		json_out_string(o, "version", *p->v[k].version ? p->v[k].version : NULL);
		json_out_string(o, "architecture", *p->v[k].arch ? p->v[k].arch : NULL);
		json_out_string(o, "sha256", *p->v[k].sha256 ? p->v[k].sha256 : NULL);
		json_out_end(o);
	}
	json_out_end(o);
}

/* The schema is in osbuilder(1). */
static int print_json(const struct facts *f, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, file = STRBUF_INIT;
	const struct image_info *i = &f->info;
	const struct manifest *m = &f->manifest;
	struct json_out o;

	if (escape_utf8(&file, f->path) < 0)
		return error_oom(err);
	json_out_init(&o, &text, "\t");
	json_out_object(&o, NULL);
	json_out_string(&o, "file", file.buf);
	json_out_string(&o, "kind", f->kind);
	json_out_u64(&o, "size", f->size);
	json_out_u64(&o, "allocated", f->allocated);
	json_out_string(&o, "architecture", *i->arch ? i->arch : NULL);
	json_out_string(&o, "filesystem", *i->filesystem ? i->filesystem : NULL);
	json_out_string(&o, "uuid", *m->uuid ? m->uuid : NULL);
	json_out_bool(&o, "dax", i->dax);
	put_partitions(&o, f);
	json_out_bool(&o, "manifest", i->has_manifest);
	json_out_string(&o, "sha512", *m->sha512 ? m->sha512 : NULL);
	if (i->has_manifest)
		json_out_u64(&o, "sha512_size", m->sha512_size);
	else
		json_out_null(&o, "sha512_size");
	json_out_string(&o, "recipe", m->recipe);
	if (i->has_manifest)
		json_out_i64(&o, "source_date_epoch", m->epoch);
	else
		json_out_null(&o, "source_date_epoch");
	json_out_bool(&o, "sbom", f->has_sbom);
	put_agent(&o, f);
	put_content(&o, f);
	put_packages(&o, &m->packages);
	json_out_end(&o);
	if (json_out_finish(&o) < 0)
		return error_oom(err);
	fputs(text.buf, stdout);
	return 0;
}

static int inspect(const struct cli_command *c, int argc, char **argv, struct error *err)
{
	_cleanup_(facts_release) struct facts facts = { 0 };
	struct inspect_args a = { 0 };
	int r = cli_read(c, argc, argv, &a, err);

	if (r)
		return r < 0 ? r : 0;
	facts.path = argv[1];
	r = gather(&facts, err);
	if (r == 0 && a.json)
		return print_json(&facts, err);
	if (r == 0)
		print_text(&facts);
	return r;
}

const struct cli_command cli_inspect = {
	.name = "inspect",
	.brief = "show what an image or initrd is",
	.synopsis = "[--json] FILE",
	.about =
		"Checks an image or initrd against its manifest, when it has one, and prints what it is: partitions as\n"
		"a plain disk and as persistent memory show them, file system, agent, number of entries, packages.",
	.options = { options },
	.n_operands = 1,
	.operands = "exactly one file is needed",
	.run = inspect,
};
