/* The shared ledger against scripted replies of the store: what it refuses is told in words that
 * help, and what it holds is not believed. (tests/azurite has it in a store that keeps things.) */
#include <check.h>

#include "ledger_tools.h"
#include "rollbook/sync.h"
#include "tools/scripted_server.h"

#define KEY "ARM_ACCESS_KEY", "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRY="
#define SAS(fields) "ARM_SAS_TOKEN", fields "&sig=c2VjcmV0"
#define SOON "&se=2999-01-01T00%3A00%3A00Z"
#define LIST "expect GET ~/team\\?restype=container&comp=list&prefix=shop%2Fstreams%2F.*\n"

struct world {
    struct scripted_server *server;
    struct roll_store store;
    struct roll_sync *sync;
    struct place place;
    struct roll_ledger *ledger;
};

static void open_world(struct world *world, const char *variable, const char *value,
                       const char *script)
{
    g_unsetenv("http_proxy");
    g_unsetenv("ARM_ACCESS_KEY");
    g_unsetenv("ARM_SAS_TOKEN");
    g_setenv(variable, value, TRUE);
    world->server = scripted_server_start(script, 0);
    world->store = (struct roll_store){.account = T("contoso"),
                                       .container = T("team"),
                                       .prefix = T("shop"),
                                       .endpoint = g_strdup(scripted_server_url(world->server))};
    ck_ok(roll_sync_new(&world->store, &world->sync));
    world->place = place_make();
    world->ledger = place_open(&world->place, ROLL_LEDGER_CREATE);
}

static void close_world(struct world *world)
{
    g_autofree char *complaint = scripted_server_stop(world->server);

    ck_assert_msg(!complaint, "%s", complaint);
    roll_sync_free(world->sync);
    roll_ledger_close(world->ledger);
    place_remove(&world->place);
    g_free(world->store.endpoint);
    ck_assert_int_eq(roll_error_live(), 0);
}

/* Consumes err, which must have the code, and the texts in its message and its advice. */
static void refused(struct roll_error *err, enum roll_code code, const char *says,
                    const char *advises)
{
    ck_assert_int_eq(roll_error_code(err), code);
    ck_assert_msg(strstr(roll_error_innermost(err), says), "%s", roll_error_innermost(err));
    const char *detail = NULL;
    for (const struct roll_error *each = err; each; each = each->cause)
        detail = each->detail ? each->detail : detail;
    ck_assert_msg(!advises || (detail && strstr(detail, advises)), "%s", detail ? detail : "");
    roll_error_free(err);
}

/* ---- what it does not let us ----------------------------------------------------------------- */

static const struct {
    const char *variable, *value;
    const char *reply; /* further headers of a 403 */
    const char *says, *advises;
} refusals[] = {
    {KEY, "x-ms-error-code: AuthenticationFailed", "is not a key of account 'contoso'",
     "storage account keys list --account-name contoso"},
    {KEY, "x-ms-error-code: AuthenticationFailed\n  header Date: Thu, 01 Jan 2015 00:00:00 GMT",
     "min ahead of the store's", "timedatectl"},
    {KEY, "x-ms-error-code: AuthenticationFailed\n  header Date: Thu, 01 Jan 2099 00:00:00 GMT",
     "min behind the store's", "timedatectl"},
    {SAS("sp=rl" SOON), "x-ms-error-code: AuthenticationFailed", "the key that signed it was",
     "generate-sas --account-name contoso --name team --permissions racl"},
    {SAS("sp=rl" SOON), "x-ms-error-code: InvalidAuthenticationInfo", "ARM_SAS_TOKEN is not valid",
     "generate-sas"},
    {SAS("?sp=ca" SOON), "x-ms-error-code: AuthorizationPermissionMismatch",
     "it has sp=ca, all that roll does needs racl", "generate-sas"},
    {SAS("sr=c" SOON), "x-ms-error-code: InsufficientAccountPermissions", "it has sp=(none)",
     "generate-sas"},
    {KEY, "x-ms-error-code: AuthorizationPermissionMismatch", "has no role on the store's data",
     "Storage Blob Data Contributor"},
    {SAS("sp=racl&st=2020-01-01T00%3A00%3A00Z&se=2021-01-01T00%3A00%3A00Z"),
     "x-ms-error-code: AuthenticationFailed", "expired at 2021-01-01T00:00:00", "generate-sas"},
    {SAS("sp=racl&st=2998-01-01T00%3A00%3A00Z" SOON), "x-ms-error-code: AuthenticationFailed",
     "is not valid before 2998-01-01T00:00:00", "generate-sas"},
    {SAS("sp=racl&se=2021-01-01T00%3A00%3A00Z"),
     "x-ms-error-code: AuthenticationFailed\n  header Date: Thu, 01 Jan 2015 00:00:00 GMT",
     "min ahead of the store's", "timedatectl"}, /* by the store's clock it is good */
    {KEY, "x-ms-error-code: AuthorizationFailure", "keep this machine out, or ARM_ACCESS_KEY",
     "networkRuleSet"},
    {SAS("sp=racl" SOON), "x-ms-error-code: AuthorizationSourceIPMismatch",
     "the SAS is for other addresses", "networkRuleSet"},
    {KEY, "x-ms-error-code: KeyBasedAuthenticationNotPermitted",
     "takes neither access keys nor the SAS", "use_azuread_auth"},
    {KEY, "x-ms-error-code: SomethingNew", "does not let us (403 SomethingNew)",
     "storage account show"},
    {KEY, "x-none: 1", "does not let us (403)", "storage account show"},
};

START_TEST(test_sync__a_refusal_names_what_is_wrong_and_what_to_do)
{
    g_autofree char *script =
        g_strconcat(LIST "reply 403\n  header ", refusals[_i].reply, "\n", NULL);
    struct world world;

    open_world(&world, refusals[_i].variable, refusals[_i].value, script);
    struct roll_error *err = roll_sync_pull(world.sync, world.ledger, NULL);
    ck_assert_ptr_null(strstr(err->message, "c2VjcmV0"));
    refused(err, ROLL_E_CREDENTIAL, refusals[_i].says, refusals[_i].advises);
    ck_assert_int_eq(roll_sync_only_writes(world.sync),
                     strstr(refusals[_i].value, "sp=ca") != NULL);
    close_world(&world);
}
END_TEST

START_TEST(test_sync__a_container_that_may_not_be_made_says_who_may)
{
    struct world world;
    bool made = true;

    open_world(&world, SAS("sp=racl" SOON),
               "expect PUT ~/team\\?restype=container.*\n"
               "reply 403\n  header x-ms-error-code: AuthorizationFailure\n");
    refused(roll_sync_init_store(world.sync, NULL, false, &made), ROLL_E_CREDENTIAL,
            "while making its container", "az storage container create --account-name contoso");
    close_world(&world);
}
END_TEST

/* ---- what it holds --------------------------------------------------------------------------- */

#define BLOB(name, length)                                                                         \
    "<Blob><Name>" name "</Name><Properties><Etag>0x1</Etag><Content-Length>" length               \
    "</Content-Length></Properties></Blob>"
#define HOLDS(blobs)                                                                               \
    LIST "reply 200\n  body <?xml version=\"1.0\"?><EnumerationResults><Blobs>" blobs              \
         "</Blobs><NextMarker/></EnumerationResults>\n"
#define ONE BLOB("shop/streams/shop/prod/000001.jsonl", "9")
#define OWNER "expect GET ~/team/shop/ledger.*\n"
#define NO_OWNER OWNER "reply 404\n  header x-ms-error-code: BlobNotFound\n"
#define SEGMENT "expect GET ~/team/shop/streams/shop/prod/000001.jsonl.*\nreply 206\n  body "

static const struct {
    const char *script, *says;
} damages[] = {
    {HOLDS(BLOB("shop/streams/shop/prod/000002.jsonl", "9")), "lacks segment 1 of 'shop/prod'"},
    {HOLDS(ONE) OWNER "reply 206\n  body {\"ledger\":\"x\",\"stream\":\"shop/prod\"}\n",
     "'shop/ledger' does not name a ledger"},
    {HOLDS(ONE) OWNER "reply 206\n  body not json\n", "'shop/ledger' does not name a ledger"},
    {HOLDS(ONE) NO_OWNER SEGMENT "{\"event\":{}}\n", "'shop/prod' ends within a line"},
    {HOLDS(ONE) NO_OWNER SEGMENT "<<END\n{\"event\":{}}\n\nEND\n", "is not an event"},
    {HOLDS(ONE) NO_OWNER SEGMENT "<<END\n{\"event\":{\"a\":1},\"hash\":\""
                                 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
                                 "\"}\n\nEND\n",
     "the line does not have the members of an event"},
};

START_TEST(test_sync__a_damaged_store_is_refused_and_nothing_of_it_kept)
{
    g_auto(GStrv) streams = NULL;
    struct world world;
    bool knows = true;

    open_world(&world, KEY, damages[_i].script);
    refused(roll_sync_pull(world.sync, world.ledger, NULL), ROLL_E_DAMAGED, damages[_i].says, NULL);
    ck_ok(roll_ledger_streams(world.ledger, &streams));
    ck_assert_uint_eq(g_strv_length(streams), 0);
    ck_ok(roll_sync_knows(world.ledger, &knows));
    ck_assert(!knows);
    close_world(&world);
}
END_TEST

START_TEST(test_sync__what_is_no_segment_is_not_ours)
{
    struct world world;

    open_world(&world, KEY,
               HOLDS(BLOB("shop/streams/shop/prod/1.jsonl", "9")
                         BLOB("shop/streams/000001.jsonl", "9")
                             BLOB("shop/streams/shop/prod/00000x.jsonl", "9")
                                 BLOB("shop/streams/shop/prod/000001.json", "9")
                                     BLOB("other/streams/shop/prod/000001.jsonl", "9")) NO_OWNER);
    ck_ok(roll_sync_pull(world.sync, world.ledger, NULL));
    ck_assert(roll_sync_report(world.sync).empty);
    close_world(&world);
}
END_TEST

START_TEST(test_sync__a_store_of_another_ledger_takes_nothing)
{
    struct world world;

    open_world(&world, KEY,
               "expect PUT ~/team/shop/ledger.*\n"
               "reply 409\n  header x-ms-error-code: BlobAlreadyExists\n" OWNER "reply 206\n"
               "  body {\"ledger\":\"0b8f0a52-8a3c-4b6e-9f53-2f1f0c1d2e3f\",\"stream\":\"a/b\"}\n");
    roll_out(world.ledger, "shop/prod", 1000, "out", digest_of("r"),
             (const char *const[]){"weu", NULL});
    refused(roll_sync_push(world.sync, world.ledger, &somebody, NULL), ROLL_E_CONFLICT,
            "the shared store holds another ledger (0b8f0a52-8a3c-4b6e-9f53-2f1f0c1d2e3f)",
            "another 'key'");
    close_world(&world);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("sync");
    TCase *refuses = tcase_create("refusals"), *holds = tcase_create("holds");

    tcase_add_loop_test(refuses, test_sync__a_refusal_names_what_is_wrong_and_what_to_do, 0,
                        G_N_ELEMENTS(refusals));
    tcase_add_test(refuses, test_sync__a_container_that_may_not_be_made_says_who_may);
    suite_add_tcase(suite, refuses);
    tcase_add_loop_test(holds, test_sync__a_damaged_store_is_refused_and_nothing_of_it_kept, 0,
                        G_N_ELEMENTS(damages));
    tcase_add_test(holds, test_sync__what_is_no_segment_is_not_ours);
    tcase_add_test(holds, test_sync__a_store_of_another_ledger_takes_nothing);
    suite_add_tcase(suite, holds);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
