# The OCI runtime specification. oci: structs, for every program; ocijson: config.json (with codec, -ljansson), for the host;
# ocipb: to and from the agent protocol's messages (with wireproto, -lprotobuf-c).
OCI_SRCS := $(addprefix runtime/lib/oci/,spec.c validate.c)
OCIJSON_SRCS := $(addprefix runtime/lib/oci/,json_default.c json_linux.c json_mounts.c json_process.c json_read.c \
	json_resources.c json_seccomp.c json_spec.c)
$(eval $(call lib,oci,$(OCI_SRCS)))
$(eval $(call lib,ocijson,$(OCIJSON_SRCS)))
OCIPB_SRCS := $(addprefix runtime/lib/oci/,pb_convert.c pb_linux.c pb_process.c pb_resources.c pb_seccomp.c pb_spec.c)
$(eval $(call lib,ocipb,$(OCIPB_SRCS)))

$(eval $(call unit,runtime/lib/oci/test_spec_json,ocijson oci codec base,-ljansson,tests/support/oci_dump.c))
$(eval $(call unit,runtime/lib/oci/test_validate,ocijson oci codec base,-ljansson))
$(eval $(call unit,runtime/lib/oci/test_spec_pb,ocipb wireproto ocijson oci codec base,-ljansson -lprotobuf-c,tests/support/oci_dump.c))
$(eval $(call fuzz,oci_json,ocijson oci codec base,-ljansson))
$(eval $(call fuzz,oci_pb,ocipb wireproto oci base,-lprotobuf-c))
