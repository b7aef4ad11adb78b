# Partition tables, nd_pfn block, image size, dm-verity.
OSB_DISK_SRCS := $(addprefix osbuilder/disk/,disk.c pfn.c verity.c verity_seal.c sha256_multi.c sha256_shani.c)
$(eval $(call lib,osbdisk,$(OSB_DISK_SRCS)))
$(eval $(call unit,osbuilder/disk/test_disk,osbdisk base codec,-lcrypto))
$(eval $(call unit,osbuilder/disk/test_verity,osbdisk codec base,-lcrypto,tests/support/tool.c))
$(eval $(call unit,osbuilder/disk/test_verity_seal,osbdisk codec base,-lcrypto))
$(eval $(call unit,osbuilder/disk/test_sha256_multi,osbdisk codec base,-lcrypto))
$(eval $(call fuzz,disk,osbdisk codec base,-lcrypto))
$(eval $(call fuzz,verity_line,osbdisk codec base,-lcrypto))
