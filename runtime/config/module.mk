# configuration.toml
$(eval $(call lib,config,$(addprefix runtime/config/,config.c config_find.c config_keys.c)))
$(eval $(call unit,runtime/config/test_config,config codec base))
