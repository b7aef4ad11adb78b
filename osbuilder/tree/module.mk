# SPDX-License-Identifier: Apache-2.0
OSB_TREE_SRCS := osbuilder/tree/blob.c osbuilder/tree/node.c osbuilder/tree/tree.c osbuilder/tree/sums.c
