# How files of the host reach the guest
$(eval $(call lib,storage,$(addprefix runtime/storage/,packed.c share.c virtiofsd.c)))
