/* SPDX-License-Identifier: MIT */
#include "agent/base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct item {
    char name;
    struct list link;
};

static void read_names(const struct list *head, char *ret_names)
{
    struct item *item;

    LIST_FOR_EACH(head, item, struct item, link)
    *ret_names++ = item->name;
    *ret_names = '\0';
}

static void items_stand_in_the_order_they_were_put(void **state)
{
    struct list head;
    struct item a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
    char names[4];
    (void)state;

    list_init(&head);
    assert_true(list_empty(&head));
    assert_null(LIST_FIRST(&head, struct item, link));
    list_append(&head, &b.link);
    list_append(&head, &c.link);
    list_prepend(&head, &a.link);
    assert_ptr_equal(LIST_FIRST(&head, struct item, link), &a);
    read_names(&head, names);
    assert_string_equal(names, "abc");
}

static void an_item_may_be_removed_twice(void **state)
{
    struct list head;
    struct item a = {.name = 'a'}, b = {.name = 'b'};
    char names[4];
    (void)state;

    list_init(&head);
    list_append(&head, &a.link);
    list_append(&head, &b.link);
    list_remove(&a.link);
    list_remove(&a.link);
    read_names(&head, names);
    assert_string_equal(names, "b");
    list_remove(&b.link);
    assert_true(list_empty(&head));
}

static void the_walk_may_free_its_item(void **state)
{
    struct list head;
    struct item *item;
    int seen = 0;
    (void)state;

    list_init(&head);
    for (int i = 0; i < 3; i++) {
        item = calloc(1, sizeof(*item));
        assert_non_null(item);
        list_append(&head, &item->link);
    }
    LIST_FOR_EACH(&head, item, struct item, link)
    {
        list_remove(&item->link);
        free(item);
        seen++;
    }
    assert_int_equal(seen, 3);
    assert_true(list_empty(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_stand_in_the_order_they_were_put),
        cmocka_unit_test(an_item_may_be_removed_twice),
        cmocka_unit_test(the_walk_may_free_its_item),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
