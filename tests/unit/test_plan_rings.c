/* Which target goes in which ring: by name, by label, by share. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "plan/internal.h"
#include "suite_tools.h"

#define FLEET                                                                                      \
    "{\"a\":{\"labels\":{\"tier\":\"canary\",\"region\":\"weu\"}},"                                \
    "\"b\":{\"labels\":{\"tier\":\"canary\",\"region\":\"neu\"}},"                                 \
    "\"c\":{\"labels\":{\"tier\":\"early\",\"region\":\"weu\"}},"                                  \
    "\"d\":{\"labels\":{\"region\":\"weu\"}},\"e\":{}}"

static json_t *parsed(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(value);
    return value;
}

/* The rings of a fleet's targets as a text: "00122". */
static char *dealt(const char *rings, const char *targets)
{
    roll_auto(json) json_t *ring_values = parsed(rings), *target_values = parsed(targets);
    g_autoptr(GArray) numbers = roll_plan_deal(ring_values, target_values);
    GString *text = g_string_new(NULL);

    ck_assert_uint_eq(numbers->len, json_object_size(target_values));
    for (guint i = 0; i < numbers->len; i++)
        g_string_append_printf(text, "%d", g_array_index(numbers, int, i));
    return g_string_free(text, FALSE);
}

static void expect(const char *rings, const char *wanted)
{
    g_autofree char *found = dealt(rings, FLEET);
    ck_assert_str_eq(found, wanted);
}

START_TEST(test_plan_rings__names_count_wherever_they_stand)
{
    expect("[[\"c\"],[\"a\",\"e\"]]", "12021");
    expect("[{\"labels\":{\"region\":\"weu\"}},[\"c\"]]", "02102");
    expect("[]", "00000");
}
END_TEST

START_TEST(test_plan_rings__labels_must_all_fit_and_one_value_of_a_list)
{
    expect("[{\"labels\":{\"tier\":\"canary\"}}]", "00111");
    expect("[{\"labels\":{\"tier\":\"canary\",\"region\":\"neu\"}}]", "10111");
    expect("[{\"labels\":{\"tier\":[\"early\",\"canary\"]}}]", "00011");
    expect("[{\"labels\":{\"tier\":\"can\"}}]", "11111");
}
END_TEST

START_TEST(test_plan_rings__take_in_order)
{
    expect("[{\"labels\":{\"tier\":\"canary\"}},{\"labels\":{\"region\":\"weu\"}}]", "00112");
    expect("[{\"labels\":{\"region\":\"weu\"}},{\"labels\":{\"tier\":\"canary\"}}]", "01002");
    expect("[{\"percent\":100},{\"labels\":{\"tier\":\"canary\"}}]", "00000");
}
END_TEST

static json_t *fleet_of(int first, int count)
{
    json_t *targets = json_object();
    char name[16];

    for (int i = first; i < first + count; i++) {
        g_snprintf(name, sizeof name, "s%05d", i);
        json_object_set_new(targets, name,
                            json_pack("{s:{s:s}}", "labels", "half", i % 2 ? "odd" : "even"));
    }
    return targets;
}

static void count(const char *rings, const json_t *targets, int counts[4])
{
    roll_auto(json) json_t *values = parsed(rings);
    g_autoptr(GArray) numbers = roll_plan_deal(values, (json_t *)(uintptr_t)targets);

    memset(counts, 0, 4 * sizeof *counts);
    for (guint i = 0; i < numbers->len; i++)
        counts[g_array_index(numbers, int, i)]++;
}

START_TEST(test_plan_rings__a_share_is_one_of_all)
{
    roll_auto(json) json_t *targets = fleet_of(0, 10000), *few = fleet_of(0, 3);
    int counts[4];

    count("[{\"percent\":1},{\"percent\":10},{\"percent\":50}]", targets, counts);
    ck_assert(counts[0] == 100 && counts[1] == 1000 && counts[2] == 5000 && counts[3] == 3900);
    count("[[\"s00001\",\"s00002\"],{\"percent\":10},{\"percent\":90}]", targets, counts);
    ck_assert(counts[0] == 2 && counts[1] == 1000 && counts[2] == 8998 && counts[3] == 0);
    count("[{\"labels\":{\"half\":\"odd\"},\"percent\":10},{\"labels\":{\"half\":\"odd\"}}]",
          targets, counts);
    ck_assert(counts[0] == 500 && counts[1] == 4500 && counts[2] == 5000);
    count("[{\"percent\":1},{\"percent\":34}]", few, counts); /* at least one each */
    ck_assert(counts[0] == 1 && counts[1] == 2 && counts[2] == 0);
}
END_TEST

/* Both fleets have s00100 to s09999; how many of those changed their ring? */
START_TEST(test_plan_rings__a_fleet_that_grows_keeps_its_rings)
{
    roll_auto(json) json_t *before = fleet_of(0, 10000), *after = fleet_of(100, 10000);
    roll_auto(json) json_t *rings = parsed("[{\"percent\":1},{\"percent\":10}]");
    g_autoptr(GArray) old = roll_plan_deal(rings, before);
    g_autoptr(GArray) new = roll_plan_deal(rings, after);
    int moved = 0;

    for (guint i = 100; i < 10000; i++)
        moved += g_array_index(old, int, i) != g_array_index(new, int, i - 100);
    ck_assert_int_lt(moved, 30);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plan_rings");
    TCase *tests = tcase_create("rings");

    tcase_add_test(tests, test_plan_rings__names_count_wherever_they_stand);
    tcase_add_test(tests, test_plan_rings__labels_must_all_fit_and_one_value_of_a_list);
    tcase_add_test(tests, test_plan_rings__take_in_order);
    tcase_add_test(tests, test_plan_rings__a_share_is_one_of_all);
    tcase_add_test(tests, test_plan_rings__a_fleet_that_grows_keeps_its_rings);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
