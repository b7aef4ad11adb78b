# Partition tables, nd_pfn block, image size.
OSB_DISK_SRCS := $(addprefix osbuilder/disk/,disk.c pfn.c verity.c)
$(eval $(call lib,osbdisk,$(OSB_DISK_SRCS)))
$(eval $(call unit,osbuilder/disk/test_disk,osbdisk base codec,-lcrypto))
$(eval $(call unit,osbuilder/disk/test_verity,osbdisk codec base,-lcrypto,tests/support/tool.c))
$(eval $(call fuzz,disk,osbdisk codec base,-lcrypto))
