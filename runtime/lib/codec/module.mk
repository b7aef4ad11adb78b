# TOML, JSON (over jansson), SHA (over libcrypto). Link with -ljansson and -lcrypto when the part in use needs them.
CODEC_SRCS := $(addprefix runtime/lib/codec/,base64.c json.c json_out.c json_parse.c rsa.c sha.c toml.c toml_number.c \
	toml_parse.c toml_scan.c toml_string.c)
$(eval $(call lib,codec,$(CODEC_SRCS)))

$(eval $(call fuzz,toml,codec base,))
$(eval $(call unit,runtime/lib/codec/test_toml,codec base,))
$(eval $(call unit,runtime/lib/codec/test_toml_parse,codec base,-lm))
$(eval $(call unit,runtime/lib/codec/test_toml_reject,codec base,))
$(eval $(call unit,runtime/lib/codec/test_json,codec base,-ljansson))
$(eval $(call unit,runtime/lib/codec/test_json_out,codec base,-ljansson))
$(eval $(call unit,runtime/lib/codec/test_sha,codec base,-lcrypto))
$(eval $(call unit,runtime/lib/codec/test_base64,codec base,))
