/* Out, hotfix and forward: what must hold before a release may go out, and where each leads. */
#include "release_git.h"
#include "release_world.h"

#include "rollbook/time.h"

#define OUT(world, options, ret)                                                                   \
    roll_choose_out((world).plan, (world).prod, (world).ledger, NULL, options, ret)

#define START(world)                                                                               \
    struct world world = world_make();                                                             \
    world_made(&world, "1.0.0", COMMIT_A);                                                         \
    world_made(&world, "1.1.0", COMMIT_A);                                                         \
    struct roll_choice_options to_new = {.release = "1.1.0", .ring = -1};                          \
    struct roll_choice *none = NULL;                                                               \
    (void)to_new, (void)none

/* ---- out: the order -------------------------------------------------------------------------- */

START_TEST(test_release__out_follows_the_plan_of_today)
{
    START(world);
    world.prod->bake_ms = 600000;
    world.prod->max_failures = 1;
    world.prod->back_on_failure = true;
    struct roll_plan_health *health = g_new0(struct roll_plan_health, 1);
    health->url = g_strdup("https://{target}.example/");
    g_ptr_array_add(world.prod->health, health);
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(OUT(world, &to_new, &choice));
    ck_goals(choice, "weu=1.1.0 neu=1.1.0");
    ck_assert_int_eq(choice->order->rings, 2);
    ck_assert_int_eq(choice->order->bake_ms, 600000);
    ck_assert_int_eq(choice->order->max_failures, 1);
    ck_assert(choice->order->back_on_failure && !choice->order->health_reports_only);
    ck_assert_int_eq(choice->order->health->len, 1);
    const struct roll_order_target *weu = g_ptr_array_index(choice->order->targets, 0);
    const struct roll_order_target *neu = g_ptr_array_index(choice->order->targets, 1);
    ck_assert(weu->create_group && weu->ring == 0 && neu->ring == 1);
    ck_assert_str_eq(choice->request.lane, "release");
    ck_assert_str_eq(choice->request.kind, "out");
    ck_assert(!choice->request.hold && !choice->request.unhold);
    world_close(&world);
}
END_TEST

START_TEST(test_release__out_names_the_heads_that_it_was_decided_on)
{
    START(world);
    struct roll_head head;
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(OUT(world, &to_new, &choice));
    ck_ok(roll_ledger_head(world.ledger, "shop", &head));
    const json_t *seen = json_object_get(choice->request.seen, "shop");
    ck_assert_str_eq(roll_json_get_string(seen, "hash"), head.hash);
    ck_assert_int_eq(json_integer_value(json_object_get(seen, "seq")), head.seq);
    ck_assert_int_eq(choice->head.seq, 0);
    world_close(&world);
}
END_TEST

START_TEST(test_release__out_sends_nothing_to_targets_that_hold_it)
{
    START(world);
    world_out(&world, "1.1.0", NULL);
    ck_refused(OUT(world, &to_new, &none), ROLL_E_NOTHING, "2 targets are already at the goal",
               NULL);
    world_close(&world);
}
END_TEST

START_TEST(test_release__out_closes_up_rings_without_targets)
{
    START(world);
    world_out(&world, "1.1.0", "neu");
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(OUT(world, &to_new, &choice));
    ck_goals(choice, "neu=1.1.0");
    ck_assert_int_eq(choice->order->rings, 1);
    world_close(&world);
}
END_TEST

START_TEST(test_release__out_leaves_out_targets_without_recorded_values)
{
    START(world);
    world_target(world.prod, "sea");
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(OUT(world, &to_new, &choice));
    ck_goals(choice, "weu=1.1.0 neu=1.1.0");
    ck_assert(world_says(choice->notes, "'sea'"));
    world_close(&world);
}
END_TEST

START_TEST(test_release__out_of_an_unknown_release_is_not_found)
{
    START(world);
    to_new.release = "1.1.1";
    ck_refused(OUT(world, &to_new, &none), ROLL_E_NOT_FOUND, "1.1.1", NULL);
    to_new.release = NULL;
    ck_refused(OUT(world, &to_new, &none), ROLL_E_USAGE, "needs a release", NULL);
    world_close(&world);
}
END_TEST

START_TEST(test_release__out_waits_for_what_runs)
{
    START(world);
    roll_auto(choice) struct roll_choice *running = world_choose_out(&world, "1.0.0");
    world_request(&world, "shop/prod", running);
    ck_refused(OUT(world, &to_new, &none), ROLL_E_CONFLICT, "has not ended",
               "roll resume shop/prod#1");
    world_close(&world);
}
END_TEST

/* ---- out: gates ------------------------------------------------------------------------------ */

START_TEST(test_release__out_ends_the_hold_of_a_back)
{
    START(world);
    world_made(&world, "1.2.0", COMMIT_A);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    world_perform(&world, "shop/prod", world_back(&world, NULL), NULL);
    const struct roll_choice_options options = {.release = "1.2.0", .ring = -1};
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(OUT(world, &options, &choice));
    ck_assert(choice->request.unhold);
    world_close(&world);
}
END_TEST

START_TEST(test_release__out_stops_at_a_persons_hold)
{
    START(world);
    const struct roll_hold_set hold = {.reason = T("audit")};
    world_append(&world, "shop/prod", ROLL_EVENT_hold_set, &hold, NULL, 0);
    ck_refused(OUT(world, &to_new, &none), ROLL_E_REFUSED, "on hold: audit",
               "roll unhold shop/prod");
    ck_refused(OUT(world, &to_new, &none), ROLL_E_REFUSED, "on hold", "--override hold");
    const char *const overrides[] = {"hold", NULL};
    to_new.overrides = overrides;
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(OUT(world, &to_new, &choice));
    ck_assert_str_eq(roll_json_get_string(json_array_get(choice->request.overrides, 0), "kind"),
                     "hold");
    world_close(&world);
}
END_TEST

START_TEST(test_release__out_overrides_only_what_the_plan_lets_pass)
{
    START(world);
    const struct roll_hold_set hold = {.reason = T("audit")};
    world_append(&world, "shop/prod", ROLL_EVENT_hold_set, &hold, NULL, 0);
    const char *const overrides[] = {"hold", NULL};
    to_new.overrides = overrides;
    world.prod->has_lanes = true;
    struct roll_error *err = OUT(world, &to_new, &none);
    ck_assert_int_eq(roll_error_code(err), ROLL_E_REFUSED);
    ck_assert_ptr_null(strstr(err->detail, "--override"));
    roll_error_free(err);
    g_strfreev(world.prod->lanes[ROLL_LANE_RELEASE].overrides);
    world.prod->lanes[ROLL_LANE_RELEASE].overrides = g_strsplit("hold", " ", 0);
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(OUT(world, &to_new, &choice));
    world_close(&world);
}
END_TEST

START_TEST(test_release__out_refuses_a_bad_release)
{
    START(world);
    const struct roll_release_marked mark = {.version = T("1.1.0"), .verdict = T("bad")};
    world_append(&world, "shop", ROLL_EVENT_release_marked, &mark, NULL, 0);
    ck_refused(OUT(world, &to_new, &none), ROLL_E_REFUSED, "marked bad for the whole service",
               "roll mark shop@1.1.0 good");
    world_close(&world);
}
END_TEST

START_TEST(test_release__out_obeys_the_data_floor)
{
    struct world world = world_make();
    const struct world_release releases[] = {
        {.version = "1.0.0", .data_version = 4, .data_floor = 4},
        {.version = "1.1.0", .data_version = 7, .data_floor = 6},
        {.version = "1.2.0", .data_version = 7, .data_floor = 6},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(releases); i++)
        world_release(&world, &releases[i]);
    world_out(&world, "1.1.0", NULL);
    static const char *const overrides[] = {"floor", "order", NULL};
    const struct roll_choice_options old = {.release = "1.0.0", .ring = -1, .overrides = overrides};
    struct roll_choice *none = NULL;
    ck_refused(OUT(world, &old, &none), ROLL_E_REFUSED, "below the data floor 6 of target",
               "roll mark shop/prod floor N");
    world_close(&world);
}
END_TEST

START_TEST(test_release__out_raises_the_floor_with_its_first_intent)
{
    struct world world = world_make();
    const struct world_release declares = {.version = "1.0.0", .data_version = 7, .data_floor = 5},
                               inherits = {.version = "1.1.0"};
    world_release(&world, &declares);
    world_release(&world, &inherits);
    roll_auto(choice) struct roll_choice *choice = world_choose_out(&world, "1.1.0");
    const struct roll_order_target *weu = g_ptr_array_index(choice->order->targets, 0);
    ck_assert_int_eq(weu->floor, 5); /* without a declaration of its own the previous one holds */
    world_close(&world);
}
END_TEST

/* ---- out: the predecessor -------------------------------------------------------------------- */

static void to_staging(struct world *world, const char *version)
{
    const struct roll_choice_options options = {.release = version, .ring = -1};
    struct roll_choice *choice = NULL;
    ck_ok(roll_choose_out(world->plan, world->staging, world->ledger, NULL, &options, &choice));
    world_perform(world, "shop/staging", choice, NULL);
}

START_TEST(test_release__out_without_release_takes_what_succeeded_before)
{
    START(world);
    world.prod->after = g_strdup("staging");
    world_made(&world, "1.2.0", COMMIT_A);
    ck_refused(OUT(world, &world_defaults, &none), ROLL_E_NOT_FOUND, "in 'shop/staging'",
               "roll out shop/staging");
    to_staging(&world, "1.0.0");
    to_staging(&world, "1.1.0");
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(OUT(world, &world_defaults, &choice));
    ck_goals(choice, "weu=1.1.0 neu=1.1.0");
    world_close(&world);
}
END_TEST

START_TEST(test_release__promoted_is_baked_and_not_bad)
{
    START(world);
    world.prod->after = g_strdup("staging");
    world.prod->after_bake_ms = 3600000;
    to_staging(&world, "1.0.0");
    char *version = NULL;
    ck_refused(roll_choose_promoted(world.plan, world.prod, world.ledger, &version),
               ROLL_E_NOT_FOUND, "1.0.0: it bakes in 'shop/staging' until", NULL);
    world.prod->after_bake_ms = 0;
    to_staging(&world, "1.1.0");
    const struct roll_release_marked mark = {.version = T("1.1.0"), .verdict = T("bad")};
    world_append(&world, "shop", ROLL_EVENT_release_marked, &mark, NULL, 0);
    ck_ok(roll_choose_promoted(world.plan, world.prod, world.ledger, &version));
    ck_assert_str_eq(version, "1.0.0");
    g_free(version);
    world_close(&world);
}
END_TEST

START_TEST(test_release__a_refusal_names_the_overrides_that_were_given_too)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    world_perform(&world, "shop/prod", world_back(&world, NULL), NULL);
    world.prod->after = g_strdup("staging");
    const char *const overrides[] = {"quarantine", NULL};
    const struct roll_choice_options bad = {.release = "1.1.0", .ring = -1, .overrides = overrides};
    ck_refused(roll_choose_out(world.plan, world.prod, world.ledger, NULL, &bad, &none),
               ROLL_E_REFUSED, "may not go to 'shop/prod' yet",
               "--release 1.1.0 --override quarantine --override after --reason");
    world_close(&world);
}
END_TEST

START_TEST(test_release__promoted_is_not_what_was_left_here_as_bad)
{
    START(world);
    world.prod->after = g_strdup("staging");
    to_staging(&world, "1.0.0");
    to_staging(&world, "1.1.0");
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    world_perform(&world, "shop/prod", world_back(&world, NULL), NULL);
    char *version = NULL;
    ck_ok(roll_choose_promoted(world.plan, world.prod, world.ledger, &version));
    ck_assert_str_eq(version, "1.0.0");
    g_free(version);
    world_close(&world);
}
END_TEST

START_TEST(test_release__out_of_what_has_not_been_before_is_refused)
{
    START(world);
    world.prod->after = g_strdup("staging");
    ck_refused(OUT(world, &to_new, &none), ROLL_E_REFUSED, "it has not succeeded in 'shop/staging'",
               "roll out shop/staging --release 1.1.0");
    const char *const overrides[] = {"after", NULL};
    to_new.overrides = overrides;
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(OUT(world, &to_new, &choice));
    world_close(&world);
}
END_TEST

/* ---- out: order and hotfixes ----------------------------------------------------------------- */

struct history_of_git {
    struct world world;
    struct repo repo;
    struct roll_git *git;
    struct commit_id first, second, fix, picked;
};

/* first ── second ── picked (the fix again);  first ── fix. */
static void git_world(struct history_of_git *h)
{
    h->world = world_make();
    h->repo = repo_make(h->world.place.root);
    h->first = repo_change(&h->repo, "a", "1\n", NULL);
    h->fix = repo_change(&h->repo, "fix", "fixed\n", &h->first);
    g_autofree char *fix = g_build_filename(h->repo.root, "fix", NULL);
    ck_assert_int_eq(g_remove(fix), 0);
    h->second = repo_change(&h->repo, "a", "2\n", &h->first);
    h->picked = repo_change(&h->repo, "fix", "fixed\n", &h->second);
    ck_ok(roll_git_open(h->repo.root, &h->git));
    world_made(&h->world, "1.0.0", h->first.text);
    world_made(&h->world, "1.1.0", h->second.text);
    world_made(&h->world, "1.2.0", h->picked.text);
}

static void git_world_close(struct history_of_git *h)
{
    roll_git_close(h->git);
    repo_close(&h->repo);
    world_close(&h->world);
}

static struct roll_error *git_out(struct history_of_git *h, const char *version,
                                  const char *const *overrides, struct roll_choice **ret_choice)
{
    const struct roll_choice_options options = {
        .release = version, .ring = -1, .overrides = overrides};
    return roll_choose_out(h->world.plan, h->world.prod, h->world.ledger, h->git, &options,
                           ret_choice);
}

START_TEST(test_release__out_of_an_older_release_is_refused)
{
    struct history_of_git h;
    git_world(&h);
    world_out(&h.world, "1.0.0", NULL);
    roll_auto(choice) struct roll_choice *newer = NULL;
    ck_ok(git_out(&h, "1.1.0", NULL, &newer));
    world_out(&h.world, "1.1.0", NULL);
    struct roll_choice *none = NULL;
    ck_refused(git_out(&h, "1.0.0", NULL, &none), ROLL_E_REFUSED,
               "'1.0.0' is older than the live '1.1.0'", "roll back shop/prod --to 1.0.0");
    ck_refused(git_out(&h, "1.0.0", NULL, &none), ROLL_E_REFUSED, "is older", "--override order");
    const char *const overrides[] = {"order", NULL};
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(git_out(&h, "1.0.0", overrides, &choice));
    git_world_close(&h);
}
END_TEST

START_TEST(test_release__out_says_when_the_order_cannot_be_checked)
{
    struct history_of_git h;
    git_world(&h);
    world_out(&h.world, "1.1.0", NULL);
    const struct roll_choice_options options = {.release = "1.0.0", .ring = -1};
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(OUT(h.world, &options, &choice));
    ck_assert(world_says(choice->notes, "could not be checked: there is no git repository"));
    world_made(&h.world, "2.0.0", COMMIT_C);
    roll_auto(choice) struct roll_choice *foreign = NULL;
    ck_ok(git_out(&h, "2.0.0", NULL, &foreign));
    ck_assert(world_says(foreign->notes, "a commit is not in this repository"));
    git_world_close(&h);
}
END_TEST

static void live_hotfix(struct history_of_git *h, const char *commit, const char *artifact)
{
    const struct world_release base = {.version = "0.9.0",
                                       .commit = h->first.text,
                                       .artifact = "web@sha256:1"},
                               hotfix = {.version = "0.9.0-hotfix.1",
                                         .base = "0.9.0",
                                         .commit = commit,
                                         .artifact = artifact};
    world_release(&h->world, &base);
    world_release(&h->world, &hotfix);
    world_out(&h->world, "0.9.0", NULL);
    world_out(&h->world, "0.9.0-hotfix.1", NULL);
}

START_TEST(test_release__out_must_contain_the_live_hotfix)
{
    struct history_of_git h;
    git_world(&h);
    live_hotfix(&h, h.fix.text, "web@sha256:1");
    struct roll_choice *none = NULL;
    ck_refused(git_out(&h, "1.1.0", NULL, &none), ROLL_E_REFUSED,
               "does not contain the live hotfix '0.9.0-hotfix.1'", "--override hotfix");
    ck_refused(OUT(h.world, (&(struct roll_choice_options){.release = "1.2.0", .ring = -1}), &none),
               ROLL_E_REFUSED, "does not contain", NULL); /* without git it cannot be told */
    roll_auto(choice) struct roll_choice *picked = NULL;
    ck_ok(git_out(&h, "1.2.0", NULL, &picked)); /* an equal patch */
    world_made(&h.world, "1.3.0", h.fix.text);
    roll_auto(choice) struct roll_choice *itself = NULL;
    ck_ok(git_out(&h, "1.3.0", NULL, &itself));
    const char *const overrides[] = {"hotfix", NULL};
    roll_auto(choice) struct roll_choice *overridden = NULL;
    ck_ok(git_out(&h, "1.1.0", overrides, &overridden));
    git_world_close(&h);
}
END_TEST

START_TEST(test_release__out_contains_a_hotfix_by_its_artifacts)
{
    struct history_of_git h;
    git_world(&h);
    live_hotfix(&h, h.first.text, "web@sha256:2");
    const struct world_release old = {.version = "2.0.0",
                                      .commit = h.second.text,
                                      .artifact = "web@sha256:1"},
                               fixed = {.version = "2.0.1",
                                        .commit = h.second.text,
                                        .artifact = "web@sha256:2"};
    world_release(&h.world, &old);
    world_release(&h.world, &fixed);
    struct roll_choice *none = NULL;
    ck_refused(git_out(&h, "2.0.0", NULL, &none), ROLL_E_REFUSED,
               "does not contain the live hotfix", NULL);
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(git_out(&h, "2.0.1", NULL, &choice));
    git_world_close(&h);
}
END_TEST

/* ---- hotfix ---------------------------------------------------------------------------------- */

#define HOTFIX(world, options, ret)                                                                \
    roll_choose_hotfix((world).plan, (world).prod, (world).ledger, NULL, options, ret)

START_TEST(test_release__hotfix_goes_out_in_its_own_lane)
{
    START(world);
    world.prod->bake_ms = 600000;
    world.prod->hotfix_bake_ms = 1000;
    world_out(&world, "1.1.0", NULL);
    const struct world_release fix = {
        .version = "1.1.0-hotfix.1", .base = "1.1.0", .commit = COMMIT_A};
    world_release(&world, &fix);
    const struct roll_hold_set hold = {.reason = T("audit")};
    world_append(&world, "shop/prod", ROLL_EVENT_hold_set, &hold, NULL,
                 0);                         /* does not stand in its way */
    world.prod->after = g_strdup("staging"); /* neither does this */
    const struct roll_choice_options options = {.release = "1.1.0-hotfix.1", .ring = -1};
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(HOTFIX(world, &options, &choice));
    ck_goals(choice, "weu=1.1.0-hotfix.1 neu=1.1.0-hotfix.1");
    ck_assert_str_eq(choice->request.lane, "hotfix");
    ck_assert_int_eq(choice->order->rings, 2);
    ck_assert_int_eq(choice->order->bake_ms, 1000);
    ck_assert(!choice->request.hold && !choice->request.unhold);
    world_close(&world);
}
END_TEST

START_TEST(test_release__hotfix_must_descend_from_what_is_live)
{
    START(world);
    world_out(&world, "1.1.0", NULL);
    const struct world_release fix = {.version = "1.0.0-hotfix.1",
                                      .base = "1.0.0",
                                      .commit = COMMIT_A},
                               second = {.version = "1.1.0-hotfix.2", .base = "1.1.0-hotfix.1"},
                               first = {.version = "1.1.0-hotfix.1", .base = "1.1.0"};
    world_release(&world, &fix);
    const struct roll_choice_options options = {.release = "1.0.0-hotfix.1", .ring = -1},
                                     chained = {.release = "1.1.0-hotfix.2", .ring = -1};
    ck_refused(HOTFIX(world, &options, &none), ROLL_E_REFUSED, "was not made from '1.1.0'",
               "roll hotfix shop/prod");
    world_release(&world, &first);
    world_release(&world, &second);
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(HOTFIX(world, &chained, &choice));
    world_close(&world);
}
END_TEST

START_TEST(test_release__hotfix_takes_the_place_of_what_runs)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    const struct world_release fix = {
        .version = "1.0.0-hotfix.1", .base = "1.0.0", .commit = COMMIT_A};
    world_release(&world, &fix);
    roll_auto(choice) struct roll_choice *running = world_choose_out(&world, "1.1.0");
    int64_t number = world_request(&world, "shop/prod", running);
    const struct roll_choice_options options = {.release = "1.0.0-hotfix.1", .ring = -1};
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(HOTFIX(world, &options, &choice));
    ck_assert_int_eq(choice->request.supersedes, number);
    world_close(&world);
}
END_TEST

START_TEST(test_release__hotfix_obeys_the_data_floor)
{
    START(world);
    world_out(&world, "1.1.0", NULL);
    const struct roll_floor_set floor = {.floor = 3, .reason = T("migrated by hand")};
    world_append(&world, "shop/prod", ROLL_EVENT_floor_set, &floor, NULL, 0);
    const struct world_release fix = {.version = "1.1.0-hotfix.1", .base = "1.1.0"};
    world_release(&world, &fix);
    const struct roll_choice_options options = {.release = "1.1.0-hotfix.1", .ring = -1};
    ck_refused(HOTFIX(world, &options, &none), ROLL_E_REFUSED, "no release is safe",
               "roll mark shop/prod floor");
    world_close(&world);
}
END_TEST

/* ---- forward --------------------------------------------------------------------------------- */

#define FORWARD(world, options, ret)                                                               \
    roll_choose_forward((world).plan, (world).prod, (world).ledger, NULL, options, ret)

START_TEST(test_release__forward_undoes_a_back)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    world_perform(&world, "shop/prod", world_back(&world, NULL), NULL);
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(FORWARD(world, &world_defaults, &choice));
    ck_goals(choice, "weu=1.1.0 neu=1.1.0");
    ck_assert_str_eq(choice->request.lane, "rollback");
    ck_assert_str_eq(choice->request.kind, "forward");
    ck_assert(choice->request.unhold && !choice->request.hold);
    ck_assert_str_eq(choice->request.lifts[0], "1.1.0");
    ck_assert_ptr_null(choice->request.bad);
    ck_assert_int_eq(choice->order->rings, 1);
    world_perform(&world, "shop/prod", g_steal_pointer(&choice), NULL);
    const char *where = NULL;
    ck_ok(roll_ledger_bad(world.ledger, "shop/prod", "1.1.0", &where));
    ck_assert_ptr_null(where);
    world_close(&world);
}
END_TEST

START_TEST(test_release__forward_returns_each_target_to_what_it_had)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", "neu");
    world_perform(&world, "shop/prod", world_back(&world, NULL), NULL);
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(FORWARD(world, &world_defaults, &choice));
    ck_goals(choice, "weu=1.1.0 neu=1.1.0");
    world_close(&world);
}
END_TEST

/* What every forward after a retreat must do. */
#define ck_undoes(choice, goals)                                                                   \
    do {                                                                                           \
        ck_goals(choice, goals);                                                                   \
        ck_assert_str_eq((choice)->request.lane, "rollback");                                      \
        ck_assert((choice)->request.unhold);                                                       \
        ck_assert_ptr_nonnull((choice)->request.lifts);                                            \
        ck_assert_str_eq((choice)->request.lifts[0], "1.1.0");                                     \
    } while (0)

START_TEST(test_release__forward_after_a_failed_and_repeated_back_undoes_both)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    world_perform(&world, "shop/prod", world_back(&world, NULL), "neu");
    world_perform(&world, "shop/prod", world_back(&world, NULL), NULL);
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(FORWARD(world, &world_defaults, &choice));
    ck_undoes(choice, "weu=1.1.0 neu=1.1.0");
    world_close(&world);
}
END_TEST

START_TEST(test_release__forward_lifts_all_marks_of_a_retreat)
{
    START(world);
    world_made(&world, "0.9.0", COMMIT_C);
    const struct roll_choice_options further = {.release = "0.9.0", .ring = -1};
    world_out(&world, "0.9.0", NULL);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    world_perform(&world, "shop/prod", world_back(&world, NULL), "neu");
    world_perform(&world, "shop/prod", world_back(&world, &further), NULL); /* 1.0.0 is bad too */
    struct roll_choice *choice = NULL;
    ck_ok(FORWARD(world, &world_defaults, &choice));
    ck_goals(choice, "weu=1.1.0 neu=1.1.0");
    world_perform(&world, "shop/prod", choice, NULL);
    const char *where = NULL;
    ck_ok(roll_ledger_bad(world.ledger, "shop/prod", "1.1.0", &where));
    ck_assert_ptr_null(where);
    ck_ok(roll_ledger_bad(world.ledger, "shop/prod", "1.0.0", &where));
    ck_assert_ptr_null(where);
    world_close(&world);
}
END_TEST

/* A back that ends before ARM accepted anything; step: how its steps ended, NULL: none was sent. */
static void back_in_vain(struct world *world, const char *step)
{
    roll_auto(choice) struct roll_choice *choice = world_back(world, NULL);
    int64_t number = world_request(world, "shop/prod", choice);
    for (guint i = 0; step && i < choice->order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(choice->order->targets, i);
        world_intend(world, "shop/prod", number, target);
        world_end_step(world, "shop/prod", number, target, step, NULL, 0);
    }
    world_end(world, "shop/prod", number, ROLL_EVENT_rollout_failed, 0);
}

START_TEST(test_release__forward_after_a_back_in_vain_lifts_its_mark)
{
    const char *const ends[] = {NULL, "absent", "refused"};
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    back_in_vain(&world, ends[_i]);
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(FORWARD(world, &world_defaults, &choice));
    ck_undoes(choice, "weu=1.1.0 neu=1.1.0");
    world_perform(&world, "shop/prod", g_steal_pointer(&choice), NULL);
    const char *where = NULL;
    ck_ok(roll_ledger_bad(world.ledger, "shop/prod", "1.1.0", &where));
    ck_assert_ptr_null(where);
    world_close(&world);
}
END_TEST

START_TEST(test_release__forward_after_a_back_in_vain_and_another_undoes_both)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    back_in_vain(&world, "absent");
    world_perform(&world, "shop/prod", world_back(&world, NULL), NULL);
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(FORWARD(world, &world_defaults, &choice));
    ck_undoes(choice, "weu=1.1.0 neu=1.1.0");
    world_close(&world);
}
END_TEST

START_TEST(test_release__forward_after_backs_target_by_target_undoes_all)
{
    START(world);
    const char *const weu[] = {"weu", NULL};
    const struct roll_choice_options first = {.targets = weu, .bad = true, .ring = -1};
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    world_perform(&world, "shop/prod", world_back(&world, &first), NULL);
    world_perform(&world, "shop/prod", world_back(&world, NULL), NULL);
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(FORWARD(world, &world_defaults, &choice));
    ck_undoes(choice, "weu=1.1.0 neu=1.1.0");
    world_close(&world);
}
END_TEST

START_TEST(test_release__forward_after_two_good_backs_undoes_the_last)
{
    START(world);
    world_made(&world, "1.2.0", COMMIT_C);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    world_out(&world, "1.2.0", NULL);
    world_perform(&world, "shop/prod", world_back(&world, NULL), NULL);
    world_perform(&world, "shop/prod", world_back(&world, NULL), NULL);
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(FORWARD(world, &world_defaults, &choice));
    ck_undoes(choice, "weu=1.1.0 neu=1.1.0");
    ck_assert_ptr_null(choice->request.lifts[1]);
    world_close(&world);
}
END_TEST

START_TEST(test_release__forward_does_not_lift_what_a_person_marked)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    world_perform(&world, "shop/prod", world_back(&world, NULL), NULL);
    const struct roll_release_marked mark = {.version = T("1.1.0"), .verdict = T("bad")};
    world_append(&world, "shop", ROLL_EVENT_release_marked, &mark, NULL, 0);
    ck_refused(FORWARD(world, &world_defaults, &none), ROLL_E_REFUSED, "marked bad", NULL);
    world_close(&world);
}
END_TEST

START_TEST(test_release__forward_after_something_else_is_a_release)
{
    START(world);
    world_made(&world, "1.2.0", COMMIT_A);
    world_out(&world, "1.2.0", NULL);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    world_perform(&world, "shop/prod", world_back(&world, NULL), NULL); /* 1.0.0; 1.1.0 is bad */
    const struct roll_hold_lifted lifted = {.reason = NULL};
    world_append(&world, "shop/prod", ROLL_EVENT_hold_lifted, &lifted, NULL, 0);
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(FORWARD(world, &world_defaults, &choice));
    ck_goals(choice, "weu=1.2.0 neu=1.2.0"); /* the newest that succeeded and is not bad */
    ck_assert_str_eq(choice->request.lane, "release");
    ck_assert_str_eq(choice->request.kind, "forward");
    const struct roll_choice_options bad = {.release = "1.1.0", .ring = -1};
    ck_refused(FORWARD(world, &bad, &none), ROLL_E_REFUSED, "marked bad here", NULL);
    world_close(&world);
}
END_TEST

START_TEST(test_release__forward_to_what_never_succeeded_here_is_refused)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    ck_refused(FORWARD(world, &to_new, &none), ROLL_E_REFUSED, "never succeeded here",
               "roll out shop/prod --release 1.1.0");
    ck_refused(FORWARD(world, &world_defaults, &none), ROLL_E_NOTHING, "already at the goal", NULL);
    world_close(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("release_out");
    TCase *tcase = tcase_create("out");
    tcase_add_test(tcase, test_release__out_follows_the_plan_of_today);
    tcase_add_test(tcase, test_release__out_names_the_heads_that_it_was_decided_on);
    tcase_add_test(tcase, test_release__out_sends_nothing_to_targets_that_hold_it);
    tcase_add_test(tcase, test_release__out_closes_up_rings_without_targets);
    tcase_add_test(tcase, test_release__out_leaves_out_targets_without_recorded_values);
    tcase_add_test(tcase, test_release__out_of_an_unknown_release_is_not_found);
    tcase_add_test(tcase, test_release__out_waits_for_what_runs);
    tcase_add_test(tcase, test_release__out_ends_the_hold_of_a_back);
    tcase_add_test(tcase, test_release__out_stops_at_a_persons_hold);
    tcase_add_test(tcase, test_release__out_overrides_only_what_the_plan_lets_pass);
    tcase_add_test(tcase, test_release__out_refuses_a_bad_release);
    tcase_add_test(tcase, test_release__out_obeys_the_data_floor);
    tcase_add_test(tcase, test_release__out_raises_the_floor_with_its_first_intent);
    tcase_add_test(tcase, test_release__out_without_release_takes_what_succeeded_before);
    tcase_add_test(tcase, test_release__promoted_is_baked_and_not_bad);
    tcase_add_test(tcase, test_release__promoted_is_not_what_was_left_here_as_bad);
    tcase_add_test(tcase, test_release__a_refusal_names_the_overrides_that_were_given_too);
    tcase_add_test(tcase, test_release__out_of_what_has_not_been_before_is_refused);
    tcase_add_test(tcase, test_release__out_of_an_older_release_is_refused);
    tcase_add_test(tcase, test_release__out_says_when_the_order_cannot_be_checked);
    tcase_add_test(tcase, test_release__out_must_contain_the_live_hotfix);
    tcase_add_test(tcase, test_release__out_contains_a_hotfix_by_its_artifacts);
    tcase_add_test(tcase, test_release__hotfix_goes_out_in_its_own_lane);
    tcase_add_test(tcase, test_release__hotfix_must_descend_from_what_is_live);
    tcase_add_test(tcase, test_release__hotfix_takes_the_place_of_what_runs);
    tcase_add_test(tcase, test_release__hotfix_obeys_the_data_floor);
    tcase_add_test(tcase, test_release__forward_undoes_a_back);
    tcase_add_test(tcase, test_release__forward_after_a_failed_and_repeated_back_undoes_both);
    tcase_add_test(tcase, test_release__forward_lifts_all_marks_of_a_retreat);
    tcase_add_loop_test(tcase, test_release__forward_after_a_back_in_vain_lifts_its_mark, 0, 3);
    tcase_add_test(tcase, test_release__forward_after_a_back_in_vain_and_another_undoes_both);
    tcase_add_test(tcase, test_release__forward_after_backs_target_by_target_undoes_all);
    tcase_add_test(tcase, test_release__forward_after_two_good_backs_undoes_the_last);
    tcase_add_test(tcase, test_release__forward_returns_each_target_to_what_it_had);
    tcase_add_test(tcase, test_release__forward_does_not_lift_what_a_person_marked);
    tcase_add_test(tcase, test_release__forward_after_something_else_is_a_release);
    tcase_add_test(tcase, test_release__forward_to_what_never_succeeded_here_is_refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
