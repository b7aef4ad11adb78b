# The shared libraries: base ◄ codec ◄ wire, oci, net. Nothing here may include anything outside runtime/lib.
-include runtime/lib/base/module.mk
-include runtime/lib/wire/module.mk
-include runtime/lib/codec/module.mk
-include runtime/lib/oci/module.mk
-include runtime/lib/net/module.mk

# Something for order-only prerequisites to wait for when no .proto has been compiled yet.
$(GEN)/.stamp: $(GEN_HDRS)
	@mkdir -p $(@D) && touch $@
