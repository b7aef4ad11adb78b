/* SPDX-License-Identifier: Apache-2.0 */
#include "kconfig/manifest.h"

#include <sys/stat.h>
#include "codec/json.h"
#include "codec/sha.h"
#include "kconfig/feature.h"
#include "kconfig/kernel_elf.h"

static void write_options(struct json_out *o, const struct kconfig *options)
{
	json_out_object(o, "options");
	for (size_t i = 0; options && i < options->n; i++) {
		if (!str_eq(options->v[i].value, "n"))
			json_out_string(o, options->v[i].name, options->v[i].value);
	}
	json_out_end(o);
}

static void write_features(struct json_out *o, const struct kernel_manifest *m)
{
	json_out_array(o, "features");
	for (size_t i = 0; m->ours && m->options && i < m->ours->n_features; i++)
		if (feature_state(m->ours, i, m->options) == FEATURE_FULL)
			json_out_string(o, NULL, m->ours->features[i].name);
	json_out_end(o);
}

int kernel_manifest_write(const struct kernel_manifest *m, int fd, struct strbuf *out,
			  struct error *err)
{
	struct json_out o;
	struct kernel_elf k;
	char sha[SHA_HEX_MAX];
	struct stat st;
	int r;

	r = kernel_elf_read(fd, &k, err);
	if (r < 0)
		return r;
	if (fstat(m->boot_fd, &st) < 0)
		return error_sys(err, -errno, "cannot stat the kernel");
	r = sha_hex_of_fd(SHA_KIND_512, m->boot_fd, 0, UINT64_MAX, sha, err);
	if (r < 0)
		return r;
	json_out_init(&o, out, "\t");
	json_out_object(&o, NULL);
	json_out_u64(&o, "format", KERNEL_MANIFEST_FORMAT);
	json_out_string(&o, "kind", "kernel");
	json_out_string(&o, "arch", m->arch);
	json_out_string(&o, "version", m->version);
	json_out_u64(&o, "config_version", m->config_version);
	json_out_string(&o, "release", k.release);
	json_out_string(&o, "banner", k.banner);
	json_out_bool(&o, "pvh", k.pvh);
	if (k.pvh)
		json_out_u64(&o, "pvh_entry", k.pvh_entry);
	json_out_u64(&o, "size", (uint64_t)st.st_size);
	json_out_string(&o, "sha512", sha);
	json_out_strings(&o, "patches", m->patches, m->n_patches);
	write_features(&o, m);
	write_options(&o, m->options);
	json_out_end(&o);
	return json_out_finish(&o) < 0 ? error_oom(err) : 0;
}
