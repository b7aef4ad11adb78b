# Tree in, file system or archive out.
OSB_WRITER_SRCS := $(addprefix osbuilder/writer/,writer.c list.c out.c behind.c xattr.c dir.c tar.c \
	ext4.c ext4_dir.c ext4_htree.c ext4_extent.c ext4_xattr.c crc32c.c \
	erofs.c erofs_dir.c erofs_xattr.c erofs_lz4.c \
	cpio.c zpool.c)
OSB_WRITER_SRCS += $(addprefix osbuilder/compat/,e2.c xxh.c z.c)
# -lcrypto for the codec library's SHA.
OSB_WRITER_LDLIBS := -lext2fs -lcom_err -ldeflate -lxxhash -lz -lzstd -llz4 -lcrypto
$(eval $(call lib,osbwriter,$(OSB_WRITER_SRCS) $(OSB_TREE_SRCS) osbuilder/progress.c))
OSB_WRITER_TEST := $(addprefix tests/support/,torture_tree.c tool.c)
$(foreach t,ext4 erofs cpio crc32c zpool out behind follow ext4_htree,$(eval $(call unit,osbuilder/writer/test_$(t),osbwriter codec base,$(OSB_WRITER_LDLIBS),$(OSB_WRITER_TEST))))

$(eval $(call unit,osbuilder/compat/test_e2,osbwriter base,$(OSB_WRITER_LDLIBS)))
$(eval $(call unit,osbuilder/compat/test_xxh,osbwriter base,$(OSB_WRITER_LDLIBS)))
$(eval $(call unit,osbuilder/compat/test_z,osbwriter base,$(OSB_WRITER_LDLIBS)))

# What tests/integration/boot_image.py boots.
LISTING_SRCS := tests/support/listing_tree.c tests/support/listing_walk.c
BOOT_TEST_PROGS += $(H)/bin/torture-image $(G)/bin/boot-init
$(eval $(call prog,$(H),torture-image,tests/support/torture_image.c tests/support/torture_tree.c $(LISTING_SRCS),osbwriter osbdisk codec base,$(OSB_WRITER_LDLIBS) -lcmocka))
$(eval $(call prog,$(G),boot-init,tests/support/boot_init.c tests/support/listing_walk.c,,))
