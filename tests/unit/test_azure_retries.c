/* What is sent again, and what is not: every kind of call against every kind of answer.
 *
 * Issue 4: GETs and HEADs on connection failures, 408, 429, 500, 502, 503, 504; anything else only
 * when it certainly was not accepted; the PUT of a deployment never here (the rollout looks by name
 * first). REST reference 2.2, 7.3. */
#include "azure_tools.h"

#include "rollbook/time.h"
#include "suite_tools.h"

#define SITE GROUP "/providers/Microsoft.Web/sites/web"
#define SUBSCRIPTION "11111111-1111-1111-1111-111111111111"

/* ---- calls ---- */

static const struct roll_arm_deployment deployment = {
    .scope = {.kind = ROLL_SCOPE_GROUP, .subscription = SUBSCRIPTION, .resource_group = "shop-weu"},
    .name = "d1",
    .template_text = "{}"};

static void put(struct world *world, struct seen *seen)
{
    roll_arm_put(world->arm, &deployment, on_reply, seen);
}

static void get(struct world *world, struct seen *seen)
{
    roll_arm_get(world->arm, &group, "d1", on_reply, seen);
}

static void head(struct world *world, struct seen *seen)
{
    roll_arm_exists(world->arm, &group, "d1", on_reply, seen);
}

static void poll(struct world *world, struct seen *seen)
{
    g_autofree char *url = g_strconcat(world->cloud->arm, "/op", NULL);

    roll_arm_poll(world->arm, &group, "d1", url, on_reply, seen);
}

static void list(struct world *world, struct seen *seen)
{
    roll_arm_list(world->arm, &group, 0, on_reply, seen);
}

static void validate(struct world *world, struct seen *seen)
{
    roll_arm_validate(world->arm, &deployment, on_reply, seen);
}

static void what_if(struct world *world, struct seen *seen)
{
    roll_arm_what_if(world->arm, &deployment, on_reply, seen);
}

static void cancel(struct world *world, struct seen *seen)
{
    roll_arm_cancel(world->arm, &group, "d1", on_reply, seen);
}

static void export(struct world *world, struct seen *seen)
{
    roll_arm_export(world->arm, &group, "d1", on_reply, seen);
}

static void delete (struct world *world, struct seen *seen)
{
    roll_arm_delete(world->arm, &group, "d1", on_reply, seen);
}

static void action(struct world *world, struct seen *seen)
{
    roll_arm_action(world->arm, SITE "/restart", "2022-03-01", NULL, NULL, on_reply, seen);
}

static void group_put(struct world *world, struct seen *seen)
{
    roll_arm_group_put(world->arm, SUBSCRIPTION, "shop-weu", "westeurope", NULL, on_reply, seen);
}

static void provider_register(struct world *world, struct seen *seen)
{
    roll_arm_provider_register(world->arm, SUBSCRIPTION, "Microsoft.Web", 60000, on_reply, seen);
}

/* What may be done about a no: never again, again when it was not accepted, again after anything,
 * or a look instead of a repetition. */
enum policy { NEVER, UNACCEPTED, READ, LOOK };

static const struct {
    const char *name, *method;
    void (*call)(struct world *world, struct seen *seen);
    enum policy policy;
} calls[] = {
    {"put", "PUT", put, NEVER},
    {"action", "POST", action, NEVER},
    {"get", "GET", get, READ},
    {"exists", "HEAD", head, READ},
    {"poll", "GET", poll, READ},
    {"list", "GET", list, READ},
    {"validate", "POST", validate, UNACCEPTED},
    {"whatIf", "POST", what_if, UNACCEPTED},
    {"cancel", "POST", cancel, UNACCEPTED},
    {"exportTemplate", "POST", export, UNACCEPTED},
    {"delete", "DELETE", delete, UNACCEPTED},
    {"group", "PUT", group_put, LOOK},
    {"register", "POST", provider_register, LOOK},
};

/* ---- answers ---- */

enum kind { DEFINITE, THROTTLED, UNKNOWN };

#define ERROR(code) "  body {\"error\":{\"code\":\"" code "\",\"message\":\"m\"}}\n"

static const struct {
    const char *reply;
    enum kind kind;
} answers[] = {
    {"400\n" ERROR("InvalidTemplate"), DEFINITE},
    {"403\n" ERROR("AuthorizationFailed"), DEFINITE},
    {"404\n" ERROR("DeploymentNotFound"), DEFINITE},
    {"404\n" ERROR("ResourceGroupNotFound"), DEFINITE},
    {"405\n", DEFINITE},
    {"409\n" ERROR("Conflict"), DEFINITE},
    {"409\n" ERROR("DeploymentActive"), DEFINITE},
    {"409\n  header Retry-After: 1\n" ERROR("Conflict"), DEFINITE},
    {"412\n" ERROR("PreconditionFailed"), DEFINITE},
    {"413\n" ERROR("RequestContentTooLarge"), DEFINITE},
    {"501\n" ERROR("NotImplemented"), DEFINITE},
    {"505\n", DEFINITE},
    {"307\n  header Location: http://127.0.0.1/\n", DEFINITE},
    {"429\n  header retry-after-ms: 1\n" ERROR("TooManyRequests"), THROTTLED},
    {"408\n", UNKNOWN},
    {"500\n" ERROR("InternalServerError"), UNKNOWN},
    {"502\n  body <html>\n", UNKNOWN},
    {"503\n  header retry-after-ms: 1\n", UNKNOWN},
    {"504\n", UNKNOWN},
    {"200\n  fault drop\n", UNKNOWN},
    {"200\n  fault reset\n", UNKNOWN},
    {"200\n  body {\"status\":\"Succeeded\"}\n  fault truncate 5\n", UNKNOWN},
};

/* A good answer to each of the calls. */
static const char good[] =
    "reply 200\n  body {\"status\":\"Succeeded\",\"value\":[],\"registrationState\":\"Registered\","
    "\"properties\":{\"provisioningState\":\"Succeeded\",\"changes\":[]}}\n";

static guint wanted_requests(enum policy policy, enum kind kind)
{
    switch (policy) {
    case NEVER:
        return 1;
    case UNACCEPTED:
        return kind == THROTTLED ? 2 : 1;
    case READ:
    case LOOK:
        break;
    }
    return kind == DEFINITE ? 1 : 2;
}

START_TEST(test_azure_retries__every_call_against_every_answer)
{
    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
        struct world world;
        struct seen seen = {0};
        g_autofree char *what = g_strdup_printf("%s, %s", calls[_i].name, answers[i].reply);
        g_autofree char *script =
            g_strconcat("expect * * times any\nreply ", answers[i].reply, good, NULL);
        guint wanted = wanted_requests(calls[_i].policy, answers[i].kind);
        bool bodiless = strcmp(calls[_i].method, "HEAD") == 0;

        if (bodiless && strstr(answers[i].reply, "truncate"))
            continue;

        open_world(&world, script, NULL);
        calls[_i].call(&world, &seen);
        run(&world, &seen);
        guint count = scripted_server_count(world.server);
        ck_assert_msg(count == wanted, "%s: %u requests instead of %u", what, count, wanted);
        const struct scripted_request *last = scripted_server_request(world.server, count - 1);
        bool looks = calls[_i].policy == LOOK && answers[i].kind == UNKNOWN;
        ck_assert_msg(strcmp(last->method, looks ? "GET" : calls[_i].method) == 0, "%s: %s", what,
                      last->method);
        ck_assert_msg((seen.outcome == ROLL_ARM_OK) == (wanted == 2), "%s: outcome %d", what,
                      seen.outcome);
        clear(&seen);
        close_world(&world);
    }
}
END_TEST

/* ---- nobody listens ---- */

struct late_server {
    struct scripted_server *server;
    int port;
};

static void start_late(void *user)
{
    struct late_server *late = user;
    g_autofree char *script = g_strconcat("expect * * times any\n", good, NULL);

    late->server = scripted_server_start(script, late->port);
}

/* What never left may be sent again by anybody; but the rollout has the PUT's fence to look after,
 * and a poll has another address. */
START_TEST(test_azure_retries__a_refused_connection)
{
    struct world world;
    struct seen seen = {0};
    struct late_server late = {.port = scripted_free_port()};
    bool again = calls[_i].policy != NEVER && strcmp(calls[_i].name, "poll") != 0;

    open_world(&world, "", NULL);
    g_free(world.cloud->arm);
    world.cloud->arm = g_strdup_printf("http://127.0.0.1:%d", late.port);
    if (again) /* else nobody would know whether the first attempt came before it */
        roll_loop_timer(world.loop, roll_boot_ms() + 150, start_late, &late);
    calls[_i].call(&world, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, again ? ROLL_ARM_OK : ROLL_ARM_UNSENT);
    if (late.server)
        g_free(scripted_server_stop(late.server));
    clear(&seen);
    close_world(&world);
}
END_TEST

/* ---- how long ---- */

static char *as_date(int64_t unix_ms)
{
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(unix_ms / 1000);

    return g_date_time_format(at, "%a, %d %b %Y %H:%M:%S GMT");
}

START_TEST(test_azure_retries__retry_after_is_seconds_or_a_date)
{
    int64_t now = roll_now_ms();
    g_autofree char *date = as_date(now), *later = as_date(now + 1000);
    g_autofree char *script =
        _i == 0 ? g_strconcat("expect GET *\nreply 429\n  header Retry-After: 1\n", good, NULL)
                : g_strdup_printf("expect GET *\nreply 503\n  header Date: %s\n"
                                  "  header Retry-After: %s\n%s",
                                  date, later, good);
    struct world world;
    struct seen seen = {0};

    open_world(&world, script, NULL);
    get(&world, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    gint64 first = scripted_server_request(world.server, 0)->at_us;
    gint64 second = scripted_server_request(world.server, 1)->at_us;
    ck_assert_int_ge(second - first, 1000000);
    ck_assert_int_lt(second - first, 30000000);
    clear(&seen);
    close_world(&world);
}
END_TEST

/* A 429 that asks for longer than the deadline over all is told at once. */
START_TEST(test_azure_retries__a_deadline_stands_over_all)
{
    struct world world;
    struct seen seen = {0};
    int64_t start = roll_boot_ms();

    open_world(&world, "expect GET *\nreply 429\n  header Retry-After: 3000\n", NULL);
    get(&world, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_THROTTLED);
    ck_assert_int_eq(seen.retry_after_ms, 3000000);
    ck_assert_int_lt(roll_boot_ms() - start, 30000);
    clear(&seen);
    close_world(&world);
}
END_TEST

static Suite *suite(void)
{
    Suite *all = suite_create("azure_retries");
    TCase *retries = tcase_create("retries");

    tcase_set_timeout(retries, 60);
    tcase_add_loop_test(retries, test_azure_retries__every_call_against_every_answer, 0,
                        G_N_ELEMENTS(calls));
    tcase_add_loop_test(retries, test_azure_retries__a_refused_connection, 0, G_N_ELEMENTS(calls));
    tcase_add_loop_test(retries, test_azure_retries__retry_after_is_seconds_or_a_date, 0, 2);
    tcase_add_test(retries, test_azure_retries__a_deadline_stands_over_all);
    suite_add_tcase(all, retries);
    return all;
}

int main(void)
{
    return run_suite(suite());
}
