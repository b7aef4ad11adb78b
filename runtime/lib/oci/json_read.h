/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OCI_JSON_READ_H
#define OCI_JSON_READ_H

#include "codec/json.h"
#include "oci/spec.h"

/*
 * Private to oci/json_*.c: readers that copy members of a JSON object into a spec's arena. Each returns 1 when the member was there,
 * 0 when it was absent or null, else -errno with the JSON path in err.
 */
struct oci_reader {
	struct arena *arena;
	struct error *err;
};

int oci_read_string(struct oci_reader *rd, const struct json_value *obj, const char *key,
		    char **ret);
int oci_read_strings(struct oci_reader *rd, const struct json_value *obj, const char *key,
		     struct oci_strings *ret);
/* An object of strings, in its order. */
int oci_read_map(struct oci_reader *rd, const struct json_value *obj, const char *key,
		 struct oci_kv **ret, size_t *ret_n);
/* An array of objects: fn fills each element, of `size` zeroed bytes. *ret is a pointer to the element type. */
typedef int (*oci_read_element_fn)(struct oci_reader *rd, const struct json_value *v,
				   void *element);
int oci_read_objects(struct oci_reader *rd, const struct json_value *obj, const char *key,
		     size_t size, oci_read_element_fn fn, void *ret, size_t *ret_n);
int oci_read_u32s(struct oci_reader *rd, const struct json_value *obj, const char *key,
		  uint32_t **ret, size_t *ret_n);
/* "c" in *ret; the characters allowed are given. */
int oci_read_type(struct oci_reader *rd, const struct json_value *obj, const char *key,
		  const char *allowed, char *ret);

/* Optional numbers with their flags: -errno, or 0 whether present or not. */
int oci_read_opt_u16(struct oci_reader *rd, const struct json_value *obj, const char *key,
		     bool *has, uint16_t *ret);
int oci_read_opt_u32(struct oci_reader *rd, const struct json_value *obj, const char *key,
		     bool *has, uint32_t *ret);
int oci_read_opt_u64(struct oci_reader *rd, const struct json_value *obj, const char *key,
		     bool *has, uint64_t *ret);
int oci_read_opt_i64(struct oci_reader *rd, const struct json_value *obj, const char *key,
		     bool *has, int64_t *ret);

/* linux.uidMappings, mounts[].gidMappings and the like. 0 or -errno. */
int oci_read_id_maps(struct oci_reader *rd, const struct json_value *obj, const char *key,
		     struct oci_id_map **ret, size_t *ret_n);

/* The sections. */
int oci_read_process(struct oci_reader *rd, const struct json_value *v, struct oci_process *p);
int oci_read_mounts(struct oci_reader *rd, const struct json_value *root, struct oci_spec *spec);
int oci_read_hooks(struct oci_reader *rd, const struct json_value *root, struct oci_hooks *hooks);
int oci_read_linux(struct oci_reader *rd, const struct json_value *v, struct oci_linux *l);
int oci_read_resources(struct oci_reader *rd, const struct json_value *v, struct oci_resources *r);
int oci_read_seccomp(struct oci_reader *rd, const struct json_value *v, struct oci_seccomp *s);

#endif
