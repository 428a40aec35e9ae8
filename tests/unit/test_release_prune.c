/* Which leftovers go, and in which order: the pure half of --prune. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/release.h"
#include "suite_tools.h"

#define GROUP "/subscriptions/s/resourceGroups/g/providers/"

static GPtrArray *items;

static void free_item(gpointer item)
{
    roll_prune_item_free(item);
}

static void setup(void)
{
    items = g_ptr_array_new_with_free_func(free_item);
}

static void teardown(void)
{
    g_ptr_array_unref(items);
}

/* Made at 20, by a step that was intended at 10. */
static struct roll_prune_item *add(const char *id, const char *needs)
{
    struct roll_prune_item *item = g_new0(struct roll_prune_item, 1);

    item->id = g_strdup(id);
    item->type = g_strdup("T");
    item->release = g_strdup("1.1.0");
    item->added_at = 10;
    item->created_at = 20;
    item->api_version = g_strdup("2023-01-01");
    item->needs = needs ? g_strsplit(needs, " ", -1) : NULL;
    g_ptr_array_add(items, item);
    return item;
}

/* "NAME NAME! …": with a bang those that stay. */
static char *decided(const char *present_text)
{
    GString *text = g_string_new(NULL);
    roll_auto(json) json_t *present = present_text ? json_loads(present_text, 0, NULL) : NULL;

    roll_prune_decide(items, present);
    for (guint i = 0; i < items->len; i++) {
        const struct roll_prune_item *item = g_ptr_array_index(items, i);
        g_string_append_printf(text, "%s%s%s", i ? " " : "", strrchr(item->id, '/') + 1,
                               item->reason ? "!" : "");
    }
    return g_string_free(text, FALSE);
}

#define ck_decided(present, wanted)                                                                \
    do {                                                                                           \
        g_autofree char *ck_text = decided(present);                                               \
        ck_assert_str_eq(ck_text, wanted);                                                         \
    } while (0)

START_TEST(test_prune__what_needs_another_goes_first)
{
    add(GROUP "N/t/a", NULL);
    add(GROUP "N/t/b", GROUP "N/t/A");
    add(GROUP "N/t/a/u/child", NULL);
    ck_decided(NULL, "child b a");
}
END_TEST

START_TEST(test_prune__what_was_there_before_stays)
{
    add(GROUP "N/t/a", NULL)->created_at = 9;
    add(GROUP "N/t/b", NULL)->created_at = 10;
    add(GROUP "N/t/c", NULL)->created_at = 0;
    add(GROUP "N/t/d", NULL)->added_at = 0;
    ck_decided(NULL, "d! c! a! b");
}
END_TEST

START_TEST(test_prune__what_stays_keeps_what_it_needs)
{
    add(GROUP "N/t/a", NULL);
    add(GROUP "N/t/b", GROUP "N/t/a");
    add(GROUP "N/t/c", GROUP "N/t/b")->reason = g_strdup("kept");
    add(GROUP "N/t/d", NULL);
    ck_decided(NULL, "c! b! a! d");
}
END_TEST

START_TEST(test_prune__what_has_something_that_stays_below_it_stays)
{
    add(GROUP "N/t/a", NULL);
    add(GROUP "N/t/a/u/kept", NULL)->reason = g_strdup("locked");
    add(GROUP "N/t/b", NULL);
    add(GROUP "N/t/bb", NULL);
    ck_decided("[{\"id\":\"" GROUP "N/t/B/u/foreign\"}]", "b! kept! a! bb");
}
END_TEST

START_TEST(test_prune__what_nobody_knows_how_to_delete_stays)
{
    struct roll_prune_item *item = add(GROUP "N/t/a", NULL);

    g_clear_pointer(&item->api_version, g_free);
    add(GROUP "N/t/b", NULL);
    ck_decided(NULL, "a! b");
    ck_assert_str_eq(item->reason, "no api-version is known to delete it with");
}
END_TEST

START_TEST(test_prune__what_is_gone_holds_nothing)
{
    add(GROUP "N/t/a", NULL);
    add(GROUP "N/t/b", GROUP "N/t/a")->gone = true;
    ck_decided(NULL, "b a");
    ck_assert(((struct roll_prune_item *)items->pdata[0])->gone);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("release: prune");
    TCase *tcase = tcase_create("decide");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_prune__what_needs_another_goes_first);
    tcase_add_test(tcase, test_prune__what_was_there_before_stays);
    tcase_add_test(tcase, test_prune__what_stays_keeps_what_it_needs);
    tcase_add_test(tcase, test_prune__what_has_something_that_stays_below_it_stays);
    tcase_add_test(tcase, test_prune__what_nobody_knows_how_to_delete_stays);
    tcase_add_test(tcase, test_prune__what_is_gone_holds_nothing);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
