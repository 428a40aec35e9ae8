/* Blob Storage: what is signed, lists, and what a lost answer means. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "rollbook/storage.h"
#include "rollbook/time.h"
#include "suite_tools.h"
#include "tools/scripted_server.h"

#define KEY                                                                                        \
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

static void ok(struct roll_error *err)
{
    ck_assert_msg(!err, "%s", err ? err->message : "");
}

/* ---- SharedKey ---- */

static const char *const vector[] = {
    "Content-Type: application/octet-stream", "x-ms-version: 2021-12-02",
    "x-ms-date: Fri, 21 Aug 2026 10:00:00 GMT", "x-ms-blob-condition-appendpos: 0", NULL};

static void check_signature(const char *url, const char *resource, const char *expected)
{
    g_autofree char *text = roll_storage_string_to_sign("PUT", "devstoreaccount1", url, vector, 6);
    g_autofree char *wanted =
        g_strconcat("PUT\n\n\n6\n\napplication/octet-stream\n\n\n\n\n\n\n"
                    "x-ms-blob-condition-appendpos:0\nx-ms-date:Fri, 21 Aug 2026 10:00:00 GMT\n"
                    "x-ms-version:2021-12-02\n",
                    resource, "\ncomp:appendblock", NULL);
    g_autofree char *signature = roll_storage_signature(KEY, text);

    ck_assert_str_eq(text, wanted);
    ck_assert_str_eq(signature, expected);
}

START_TEST(test_storage__signs_the_known_vector)
{
    check_signature("http://127.0.0.1:10000/devstoreaccount1/ledger/main.0001?comp=appendblock",
                    "/devstoreaccount1/devstoreaccount1/ledger/main.0001",
                    "LsTq2kUmQOeBf+kqWEP52K1l1tZWJCwPrTbnn/wl4oA=");
    check_signature(
        "https://devstoreaccount1.blob.core.windows.net/ledger/main.0001?comp=appendblock",
        "/devstoreaccount1/ledger/main.0001", "reHVHB7VD89z+rJIhmOhvKwk/CuCwRtJjEdLmmzRKxo=");
}
END_TEST

START_TEST(test_storage__sorts_and_decodes_the_query)
{
    g_autofree char *text = roll_storage_string_to_sign(
        "GET", "a", "https://a.blob.core.windows.net/c?restype=container&Comp=list&prefix=x%2Fy",
        NULL, 0);

    ck_assert(g_str_has_suffix(text, "\n/a/c\ncomp:list\nprefix:x/y\nrestype:container"));
    ck_assert(g_str_has_prefix(text, "GET\n\n\n\n\n"));
}
END_TEST

START_TEST(test_storage__a_key_that_is_no_base64_is_refused)
{
    ck_assert_ptr_null(roll_storage_signature("no*key", "x"));
    ck_assert_ptr_null(roll_storage_signature("", "x"));
}
END_TEST

/* ---- lists ---- */

#define LIST(inner)                                                                                \
    "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults "                   \
    "ServiceEndpoint=\"https://a/\" ContainerName=\"c\"><Prefix>p</Prefix><Blobs>" inner           \
    "</Blobs>"
#define BLOB(name, etag, length)                                                                   \
    "<Blob><Name>" name "</Name><Properties><Etag>" etag "</Etag><Content-Length>" length          \
    "</Content-Length></Properties></Blob>"

START_TEST(test_storage__reads_a_list)
{
    static const char text[] = LIST(BLOB("p/shop/prod/000001.jsonl", "0x8D1", "12") BLOB(
        "p/a&amp;b", "\"0x2\"", "0")) "<NextMarker>m&gt;1</NextMarker></EnumerationResults>";
    g_autoptr(GPtrArray) items = NULL;
    g_autofree char *marker = NULL;

    ok(roll_storage_parse_list(text, sizeof text - 1, &items, &marker));
    ck_assert_uint_eq(items->len, 2);
    const struct roll_storage_item *first = items->pdata[0], *second = items->pdata[1];
    ck_assert_str_eq(first->name, "p/shop/prod/000001.jsonl");
    ck_assert_str_eq(first->etag, "\"0x8D1\"");
    ck_assert_int_eq(first->length, 12);
    ck_assert_str_eq(second->name, "p/a&b");
    ck_assert_str_eq(second->etag, "\"0x2\"");
    ck_assert_str_eq(marker, "m>1");
}
END_TEST

START_TEST(test_storage__a_list_that_is_none_is_an_error)
{
    static const char *const bad[] = {"",
                                      "<html>",
                                      LIST("") "<NextMarker/>",
                                      LIST("<Blob><Name>x</Name></Blob>") "</EnumerationResults>",
                                      LIST(BLOB("", "1", "1")) "</EnumerationResults>",
                                      "{}"};

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        GPtrArray *items = NULL;
        char *marker = NULL;
        struct roll_error *err = roll_storage_parse_list(bad[i], strlen(bad[i]), &items, &marker);
        ck_assert_msg(roll_error_code(err) == ROLL_E_HTTP, "%s", bad[i]);
        ck_assert_ptr_null(items);
        roll_error_free(err);
    }
}
END_TEST

/* ---- calls ---- */

struct seen {
    struct roll_loop *loop;
    int calls, status, attempts;
    enum roll_storage_outcome outcome;
    char *code, *body, *etag;
    int64_t length;
    bool unproved;
};

static void on_reply(void *user, const struct roll_storage_reply *reply)
{
    struct seen *seen = user;

    seen->calls++;
    seen->outcome = reply->outcome;
    seen->status = reply->status;
    seen->attempts = reply->attempts;
    seen->code = g_strdup(reply->code);
    seen->body = g_strdup(reply->body);
    seen->etag = g_strdup(reply->etag);
    seen->length = reply->length;
    seen->unproved = reply->unproved;
    roll_loop_stop(seen->loop);
}

struct world {
    struct scripted_server *server;
    struct roll_loop *loop;
    struct roll_storage *storage;
    struct roll_secret *secret;
    struct seen seen;
};

static void open_world(struct world *world, const char *script, bool sas)
{
    world->server = scripted_server_start(script, 0);
    ok(roll_loop_new(&world->loop));
    const char *text = sas ? "?sv=2023-11-03&sp=rac&sig=abc%3D" : KEY;
    world->secret = roll_secret_new(text, strlen(text));
    g_autofree char *endpoint =
        g_strconcat(scripted_server_url(world->server), "/devstoreaccount1", NULL);
    struct roll_storage_options options = {.loop = world->loop,
                                           .endpoint = endpoint,
                                           .account = "devstoreaccount1",
                                           .container = "c",
                                           .timeout_ms = 60000};
    *(sas ? &options.sas : &options.key) = world->secret;
    ok(roll_storage_new(&options, &world->storage));
    world->seen.loop = world->loop;
}

static void run(struct world *world)
{
    while (world->seen.calls == 0)
        ok(roll_loop_run(world->loop));
}

static void close_world(struct world *world)
{
    g_autofree char *complaint = scripted_server_stop(world->server);

    ck_assert_msg(!complaint, "%s", complaint ? complaint : "");
    g_free(world->seen.code);
    g_free(world->seen.body);
    g_free(world->seen.etag);
    roll_storage_free(world->storage);
    roll_loop_free(world->loop);
    roll_secret_free(world->secret);
}

START_TEST(test_storage__append_is_one_request)
{
    struct world world = {0};

    open_world(&world,
               "expect PUT /devstoreaccount1/c/p/shop?comp=appendblock\n"
               "  has-header x-ms-blob-condition-appendpos: 7\n"
               "  has-header x-ms-version: 2023-11-03\n"
               "  has-header Content-MD5\n"
               "  has-header Authorization: SharedKey devstoreaccount1:\n"
               "  has-body hello\n"
               "reply 201 Created\n"
               "  header ETag: \"0x1\"\n",
               false);
    roll_storage_append(world.storage, "p/shop", 7, "hello\n", 6, on_reply, &world.seen);
    run(&world);
    ck_assert_int_eq(world.seen.outcome, ROLL_STORAGE_OK);
    ck_assert_int_eq(world.seen.attempts, 1);
    ck_assert_str_eq(world.seen.etag, "\"0x1\"");
    close_world(&world);
}
END_TEST

/* The answer is lost, the repetition meets our own bytes. */
START_TEST(test_storage__a_412_after_a_lost_answer_may_be_our_own_success)
{
    struct world world = {0};

    open_world(&world,
               "expect PUT /devstoreaccount1/c/p/shop?comp=appendblock times 2\n"
               "reply 201\n"
               "  fault drop\n"
               "reply 412 Precondition\n"
               "  header x-ms-error-code: AppendPositionConditionNotMet\n"
               "expect GET /devstoreaccount1/c/p/shop\n"
               "  has-header x-ms-range: bytes=7-11\n"
               "reply 206 Partial\n"
               "  body hello\n",
               false);
    roll_storage_append(world.storage, "p/shop", 7, "hello", 5, on_reply, &world.seen);
    run(&world);
    ck_assert_int_eq(world.seen.outcome, ROLL_STORAGE_OK);
    close_world(&world);
}
END_TEST

/* A SAS that may only write gets no look at whose bytes they are: neither success nor failure. */
START_TEST(test_storage__a_412_after_a_lost_answer_is_unproved_without_the_right_to_read)
{
    struct world world = {0};

    open_world(
        &world,
        "expect PUT /devstoreaccount1/c/p/shop?comp=appendblock&sv=2023-11-03&sp=rac&sig=abc%3D "
        "times 2\n"
        "reply 201\n"
        "  fault drop\n"
        "reply 412 Precondition\n"
        "  header x-ms-error-code: AppendPositionConditionNotMet\n"
        "expect GET /devstoreaccount1/c/p/shop?sv=2023-11-03&sp=rac&sig=abc%3D\n"
        "reply 403 No\n"
        "  header x-ms-error-code: AuthorizationPermissionMismatch\n",
        true);
    roll_storage_append(world.storage, "p/shop", 7, "hello", 5, on_reply, &world.seen);
    run(&world);
    ck_assert_int_eq(world.seen.outcome, ROLL_STORAGE_FORBIDDEN);
    ck_assert(world.seen.unproved);
    close_world(&world);
}
END_TEST

START_TEST(test_storage__a_412_after_a_lost_answer_may_be_another_writer)
{
    struct world world = {0};

    open_world(&world,
               "expect PUT /devstoreaccount1/c/p/shop?comp=appendblock times 2\n"
               "reply 500 Broken\n"
               "reply 412 Precondition\n"
               "  header x-ms-error-code: AppendPositionConditionNotMet\n"
               "expect GET /devstoreaccount1/c/p/shop\n"
               "reply 206 Partial\n"
               "  body <<END\nworld\nEND\n",
               false);
    roll_storage_append(world.storage, "p/shop", 7, "hello\n", 6, on_reply, &world.seen);
    run(&world);
    ck_assert_int_eq(world.seen.outcome, ROLL_STORAGE_MOVED);
    close_world(&world);
}
END_TEST

START_TEST(test_storage__a_412_at_once_is_another_writer)
{
    struct world world = {0};

    open_world(
        &world,
        "expect PUT /devstoreaccount1/c/p/shop?comp=appendblock&sv=2023-11-03&sp=rac&sig=abc%3D\n"
        "  lacks-header Authorization\n"
        "reply 412 Precondition\n"
        "  body <?xml version=\"1.0\"?><Error><Code>AppendPositionConditionNotMet</Code></Error>\n",
        true);
    roll_storage_append(world.storage, "p/shop", 7, "hello\n", 6, on_reply, &world.seen);
    run(&world);
    ck_assert_int_eq(world.seen.outcome, ROLL_STORAGE_MOVED);
    ck_assert_str_eq(world.seen.code, "AppendPositionConditionNotMet");
    close_world(&world);
}
END_TEST

START_TEST(test_storage__a_lease_is_a_refusal_and_no_race)
{
    struct world world = {0};

    open_world(&world,
               "expect PUT /devstoreaccount1/c/p/shop?comp=appendblock\n"
               "reply 412 Precondition\n"
               "  header x-ms-error-code: LeaseIdMissing\n",
               false);
    roll_storage_append(world.storage, "p/shop", 7, "hello\n", 6, on_reply, &world.seen);
    run(&world);
    ck_assert_int_eq(world.seen.outcome, ROLL_STORAGE_REFUSED);
    close_world(&world);
}
END_TEST

/* Without the guard the very request would empty the blob. */
START_TEST(test_storage__an_append_blob_is_created_once)
{
    struct world world = {0};

    open_world(&world,
               "expect PUT /devstoreaccount1/c/p/shop\n"
               "  has-header If-None-Match: *\n"
               "  has-header x-ms-blob-type: AppendBlob\n"
               "  has-header Content-Length: 0\n"
               "reply 409 Conflict\n"
               "  header x-ms-error-code: BlobAlreadyExists\n",
               false);
    roll_storage_create_append(world.storage, "p/shop", on_reply, &world.seen);
    run(&world);
    ck_assert_int_eq(world.seen.outcome, ROLL_STORAGE_EXISTS);
    close_world(&world);
}
END_TEST

START_TEST(test_storage__reads_tell_unchanged_and_beyond)
{
    static const struct {
        const char *reply;
        enum roll_storage_outcome outcome;
        int64_t length;
    } cases[] = {
        {"reply 304 Unchanged\n", ROLL_STORAGE_UNCHANGED, -1},
        {"reply 416 Range\n  header Content-Range: bytes */12\n", ROLL_STORAGE_BEYOND, 12},
        {"reply 404 Gone\n  header x-ms-error-code: BlobNotFound\n", ROLL_STORAGE_NOT_FOUND, -1},
        {"reply 403 No\n  header x-ms-error-code: AuthorizationFailure\n", ROLL_STORAGE_FORBIDDEN,
         -1},
        {"reply 206 Partial\n  header Content-Range: bytes 12-11/12\n", ROLL_STORAGE_OK, 12},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct world world = {0};
        g_autofree char *script = g_strconcat("expect GET /devstoreaccount1/c/p/shop\n"
                                              "  has-header x-ms-range: bytes=12-\n"
                                              "  has-header If-None-Match: \"0x1\"\n",
                                              cases[i].reply, NULL);
        open_world(&world, script, false);
        roll_storage_read(world.storage, "p/shop", 12, 0, "\"0x1\"", 0, on_reply, &world.seen);
        run(&world);
        ck_assert_int_eq(world.seen.outcome, cases[i].outcome);
        ck_assert_int_eq(world.seen.length, cases[i].length);
        close_world(&world);
    }
}
END_TEST

START_TEST(test_storage__plain_http_stays_on_the_machine)
{
    struct roll_secret *key = roll_secret_new(KEY, strlen(KEY));
    struct roll_storage_options options = {.endpoint = "http://contoso.blob.core.windows.net",
                                           .account = "contoso",
                                           .container = "c",
                                           .key = key};
    struct roll_storage *storage = NULL;
    struct roll_error *err = roll_storage_new(&options, &storage);

    ck_assert_int_eq(roll_error_code(err), ROLL_E_INVALID);
    roll_error_free(err);
    roll_secret_free(key);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("storage");
    TCase *tcase = tcase_create("storage");

    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, test_storage__signs_the_known_vector);
    tcase_add_test(tcase, test_storage__sorts_and_decodes_the_query);
    tcase_add_test(tcase, test_storage__a_key_that_is_no_base64_is_refused);
    tcase_add_test(tcase, test_storage__reads_a_list);
    tcase_add_test(tcase, test_storage__a_list_that_is_none_is_an_error);
    tcase_add_test(tcase, test_storage__append_is_one_request);
    tcase_add_test(tcase, test_storage__a_412_after_a_lost_answer_may_be_our_own_success);
    tcase_add_test(tcase, test_storage__a_412_after_a_lost_answer_may_be_another_writer);
    tcase_add_test(tcase,
                   test_storage__a_412_after_a_lost_answer_is_unproved_without_the_right_to_read);
    tcase_add_test(tcase, test_storage__a_412_at_once_is_another_writer);
    tcase_add_test(tcase, test_storage__a_lease_is_a_refusal_and_no_race);
    tcase_add_test(tcase, test_storage__an_append_blob_is_created_once);
    tcase_add_test(tcase, test_storage__reads_tell_unchanged_and_beyond);
    tcase_add_test(tcase, test_storage__plain_http_stays_on_the_machine);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
