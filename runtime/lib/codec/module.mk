# TOML, JSON (over jansson), SHA (over libcrypto). Link with -ljansson and -lcrypto when the part in use needs them.
CODEC_SRCS := $(addprefix runtime/lib/codec/,json.c json_out.c json_parse.c sha.c toml.c toml_number.c \
	toml_parse.c toml_scan.c toml_string.c)
$(eval $(call lib,codec,$(CODEC_SRCS)))

$(eval $(call fuzz,toml,codec base,))
