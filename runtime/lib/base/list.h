/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include "base/compiler.h"

/*
 * Intrusive doubly linked list. A head is a `struct list` that points to itself when empty; entries embed one.
 */
struct list {
	struct list *next, *prev;
};
#define LIST_INIT(name)          \
	{                        \
		&(name), &(name) \
	}

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}
static inline void list_add_tail(struct list *head, struct list *e)
{
	e->prev = head->prev;
	e->next = head;
	head->prev->next = e;
	head->prev = e;
}
/* Unlinks; the entry is left self-linked, so that removing it twice does no harm. */
static inline void list_del(struct list *e)
{
	/* The analyser forgets that freed entries were unlinked before. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	e->prev->next = e->next;
	e->next->prev = e->prev;
	list_init(e);
}
#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_for_each(pos, head)      for ((pos) = (head)->next; (pos) != (head); (pos) = (pos)->next)
/* The current entry may be removed in the body. */
#define list_for_each_safe(pos, tmp, head)                               \
	for ((pos) = (head)->next, (tmp) = (pos)->next; (pos) != (head); \
	     (pos) = (tmp), (tmp) = (pos)->next)

#endif
