/* Orders: written canonically, read back whole, refused when damaged. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "release/internal.h"
#include "suite_tools.h"

static char digest_a[ROLL_HEX_SIZE], digest_b[ROLL_HEX_SIZE];

static struct roll_order_target *add_target(struct roll_order *order, const char *name, int ring)
{
    struct roll_order_target *target = release_order_target_new();
    target->name = g_strdup(name);
    target->ring = ring;
    target->release = g_strdup("1.4.2");
    target->manifest = g_strdup(digest_a);
    target->template_digest = g_strdup(digest_b);
    target->parameters_digest = g_strdup(digest_a);
    target->scope = ROLL_SCOPE_GROUP;
    target->cloud = g_strdup("sandbox");
    target->subscription = g_strdup("11111111-1111-1111-1111-111111111111");
    target->resource_group = g_strdup("shop-weu");
    target->location = g_strdup("westeurope");
    target->apply = g_strdup("deployment");
    g_ptr_array_add(order->targets, target);
    return target;
}

static struct roll_order *sample(void)
{
    roll_sha256_hex("a", 1, digest_a);
    roll_sha256_hex("b", 1, digest_b);
    struct roll_order *order = roll_order_new();
    order->service = g_strdup("shop");
    order->environment = g_strdup("prod");
    order->lane = ROLL_LANE_RELEASE;
    order->kind = g_strdup("out");
    order->rings = 2;
    order->max_parallel = 50;
    order->bake_ms = 600000;
    order->back_on_failure = true;
    struct roll_order_target *weu = add_target(order, "weu", 0);
    weu->had = g_strdup("1.4.1");
    weu->floor = 5;
    weu->create_group = true;
    struct roll_plan_step *step = g_new0(struct roll_plan_step, 1);
    step->action = g_strdup("Microsoft.Web/sites/web-weu/slotsswap");
    step->api_version = g_strdup("2022-09-01");
    step->body = json_pack("{s:s,s:f}", "targetSlot", "staging", "weight", 0.1);
    step->skip_on_back = true;
    g_ptr_array_add(weu->steps, step);
    add_target(order, "neu", 1)->deployment_name = g_strdup("fixed");
    struct roll_plan_health *health = g_new0(struct roll_plan_health, 1);
    health->kind = ROLL_HEALTH_HTTP;
    health->url = g_strdup("https://{target}.example/health");
    health->expect = 204;
    health->within_ms = 300000;
    health->every_ms = 5000;
    g_ptr_array_add(order->health, health);
    health = g_new0(struct roll_plan_health, 1);
    health->kind = ROLL_HEALTH_COMMAND;
    health->command = g_strsplit("scripts/smoke {target}", " ", 0);
    g_ptr_array_add(order->health, health);
    return order;
}

static GString *written(const struct roll_order *order)
{
    GString *text = NULL;
    ck_assert_ptr_null(roll_order_write(order, &text));
    return text;
}

START_TEST(test_release__order_survives_the_round_trip)
{
    roll_auto(order) struct roll_order *order = sample();
    g_autoptr(GString) text = written(order);
    roll_auto(order) struct roll_order *again = NULL;
    ck_assert_ptr_null(roll_order_read(text->str, text->len, &again));
    g_autoptr(GString) second = written(again);
    ck_assert_str_eq(text->str, second->str);
    ck_assert_int_eq(again->targets->len, 2);
    const struct roll_order_target *weu = g_ptr_array_index(again->targets, 0);
    ck_assert_str_eq(weu->had, "1.4.1");
    ck_assert_int_eq(weu->floor, 5);
    ck_assert(weu->create_group);
    const struct roll_plan_step *step = g_ptr_array_index(weu->steps, 0);
    ck_assert(step->skip_on_back);
    ck_assert(json_real_value(json_object_get(step->body, "weight")) == 0.1);
    const struct roll_order_target *neu = g_ptr_array_index(again->targets, 1);
    ck_assert_str_eq(neu->deployment_name, "fixed");
    ck_assert_ptr_null(neu->had);
    const struct roll_plan_health *command = g_ptr_array_index(again->health, 1);
    ck_assert_str_eq(command->command[1], "{target}");
    ck_assert(again->back_on_failure && !again->health_reports_only);
}
END_TEST

START_TEST(test_release__order_text_is_canonical)
{
    roll_auto(order) struct roll_order *order = sample();
    g_autoptr(GString) text = written(order);
    roll_auto(json) json_t *value = NULL;
    ck_assert_ptr_null(roll_json_parse(text->str, text->len, ROLL_JSON_STRICT, &value));
    g_autoptr(GString) canonical = NULL;
    ck_assert_ptr_null(roll_json_canonical(value, &canonical));
    ck_assert_str_eq(text->str, canonical->str);
}
END_TEST

struct passed {
    GString *names;
    guint until; /* then it refuses */
};

static struct roll_error *pass(void *user, const struct roll_order_target *target)
{
    struct passed *passed = user;

    if (passed->until-- == 0)
        return roll_error_new(ROLL_E_REFUSED, "enough");
    g_string_append_printf(passed->names, "%s of %d, %u steps; ", target->name, target->ring,
                           target->steps->len);
    return NULL;
}

START_TEST(test_release__order_is_read_one_target_at_a_time)
{
    roll_auto(order) struct roll_order *order = sample();
    roll_auto(order) struct roll_order *head = NULL;
    g_autoptr(GString) text = written(order);
    g_autoptr(GString) names = g_string_new(NULL);
    struct passed passed = {.names = names, .until = 2};

    ck_assert_ptr_null(roll_order_each(text->str, text->len, pass, &passed, &head));
    ck_assert_str_eq(names->str, "weu of 0, 1 steps; neu of 1, 0 steps; ");
    ck_assert_str_eq(head->kind, "out");
    ck_assert_int_eq(head->health->len, 2);
    ck_assert_int_eq(head->targets->len, 0);
    struct roll_order *none = NULL;
    passed.until = 1;
    struct roll_error *err = roll_order_each(text->str, text->len, pass, &passed, &none);
    ck_assert_int_eq(roll_error_code(err), ROLL_E_REFUSED);
    ck_assert_ptr_null(none);
    roll_error_free(err);
}
END_TEST

START_TEST(test_release__an_object_is_kept_once)
{
    GPtrArray *blobs = release_blobs_new();
    g_autoptr(GHashTable) index = g_hash_table_new(g_str_hash, g_str_equal);
    const char *one = release_blobs_add_indexed_take(blobs, index, g_string_new("{}"));
    const char *other = release_blobs_add_indexed_take(blobs, index, g_string_new("[]"));

    ck_assert_str_ne(one, other);
    ck_assert_ptr_eq(release_blobs_add_indexed_take(blobs, index, g_string_new("{}")), one);
    ck_assert_int_eq(blobs->len, 2);
    ck_assert(release_blobs_has(blobs, other));
    g_ptr_array_unref(blobs);
}
END_TEST

/* Each row replaces one member of a valid order and must be refused for it. */
static const struct {
    const char *from, *to, *word;
} damages[] = {
    {"\"service\":", "\"service2\":", "'service' is missing"},
    {"\"lane\":\"release\"", "\"lane\":\"fast\"", "unknown lane 'fast'"},
    {"\"rings\":2", "\"rings\":1", "ring 1 of 1"},
    {"\"rings\":2", "\"rings\":\"two\"", "'rings'"},
    {"\"maxParallel\":50", "\"maxParallel\":0", "'maxParallel'"},
    {"\"maxParallel\":50,", "", "'maxParallel'"},
    {"\"scope\":\"resourceGroup\"", "\"scope\":\"galaxy\"", "unknown scope 'galaxy'"},
    {"\"kind\":\"http\"", "\"kind\":\"ftp\"", "unknown health check 'ftp'"},
    {"\"manifest\":\"ca", "\"manifest\":\"XX", "is not a digest"},
    {"\"apiVersion\":\"2022-09-01\"", "\"apiVersion\":1", "a step needs"},
    {"\"targets\":[", "\"targets\":7,\"other\":[", "'targets' is not an array"},
};

START_TEST(test_release__order_refuses_damage)
{
    roll_auto(order) struct roll_order *order = sample();
    g_autoptr(GString) text = written(order);
    const char *from = damages[_i].from;
    ck_assert_msg(strstr(text->str, from) != NULL, "'%s' is not in %s", from, text->str);
    g_string_replace(text, from, damages[_i].to, 1);
    roll_auto(order) struct roll_order *again = NULL;
    roll_auto(error) struct roll_error *err = roll_order_read(text->str, text->len, &again);
    ck_assert_ptr_nonnull(err);
    ck_assert_ptr_null(again);
    ck_assert_int_eq(roll_error_code(err), ROLL_E_INVALID);
    const struct roll_error *last = err;
    while (last->cause)
        last = last->cause;
    ck_assert_msg(strstr(last->message, damages[_i].word) != NULL, "%s", last->message);
}
END_TEST

START_TEST(test_release__order_that_is_no_json_is_refused)
{
    roll_auto(order) struct roll_order *order = NULL;
    roll_auto(error) struct roll_error *err = roll_order_read("{\"a\":", 5, &order);
    ck_assert_int_eq(roll_error_code(err), ROLL_E_SYNTAX);
    roll_auto(error) struct roll_error *other = roll_order_read("[]", 2, &order);
    ck_assert_int_eq(roll_error_code(other), ROLL_E_INVALID);
}
END_TEST

START_TEST(test_release__order_ignores_what_newer_programs_add)
{
    roll_auto(order) struct roll_order *order = sample();
    g_autoptr(GString) text = written(order);
    g_string_replace(text, "\"rings\":2", "\"rings\":2,\"novelty\":{\"a\":1}", 1);
    roll_auto(order) struct roll_order *again = NULL;
    ck_assert_ptr_null(roll_order_read(text->str, text->len, &again));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("release_order");
    TCase *tcase = tcase_create("order");
    tcase_add_test(tcase, test_release__order_survives_the_round_trip);
    tcase_add_test(tcase, test_release__order_text_is_canonical);
    tcase_add_test(tcase, test_release__an_object_is_kept_once);
    tcase_add_test(tcase, test_release__order_is_read_one_target_at_a_time);
    tcase_add_loop_test(tcase, test_release__order_refuses_damage, 0, G_N_ELEMENTS(damages));
    tcase_add_test(tcase, test_release__order_that_is_no_json_is_refused);
    tcase_add_test(tcase, test_release__order_ignores_what_newer_programs_add);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
