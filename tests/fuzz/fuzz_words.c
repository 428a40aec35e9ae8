/* The small readers of what services and people write: one line, its first byte chooses.
 *
 * t time, d duration, u address, j token (JWT), r reply of a token endpoint, c challenge of a
 * registry, i id of a deployment, m metadata of a cloud, s text to show. */
#include "azure/arm.h"
#include "azure/challenge.h"
#include "azure/cloud.h"
#include "azure/credential.h"
#include "fuzz.h"
#include "http/internal.h"
#include "rollbook/text.h"
#include "rollbook/time.h"

static void read_time(const char *text)
{
    int64_t at = 0, again = 0;
    char written[ROLL_TIME_SIZE];

    if (!fuzz_ok(roll_time_parse(text, &at)))
        return;
    roll_time_format(at, written);
    FUZZ_MUST(roll_time_parse(written, &again));
    FUZZ_CHECK(at == again, "%s is %s", text, written);
}

static void read_duration(const char *text)
{
    g_autoptr(GString) shown = g_string_new(NULL);
    int64_t ms = -1;

    if (!fuzz_ok(roll_duration_parse(text, &ms)))
        return;
    FUZZ_CHECK(ms >= 0, "%s is negative", text);
    roll_duration_write(ms, shown);
    FUZZ_CHECK(shown->len > 0, "%s", text);
}

/* The host to which libcurl would connect; NULL when it refuses the address. Owned by the caller.
 */
static char *host_of(const char *url)
{
    CURLU *parts = curl_url();
    char *found = NULL, *host = NULL;

    if (curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &found, 0) == CURLUE_OK)
        host = g_ascii_strdown(found, -1);
    curl_free(found);
    curl_url_cleanup(parts);
    return host;
}

static void read_url(const char *text)
{
    g_autoptr(GString) encoded = g_string_new(NULL);
    g_autofree char *target = url_target(text);

    roll_url_encode(text, encoded);
    bool within = roll_url_is_within(text, "https://management.azure.com");
    FUZZ_CHECK(!within || roll_url_is_https(text), "a token would travel in the clear: %s", text);
    FUZZ_CHECK(!within || !roll_url_is_loopback(text), "%s", text);
    g_autofree char *host = host_of(text);
    FUZZ_CHECK(!within || !host || g_str_has_suffix(host, "management.azure.com"), "%s", host);
    FUZZ_CHECK(!roll_url_is_loopback(text) || !host || strcmp(host, "localhost") == 0 ||
                   strcmp(host, "[::1]") == 0 || g_str_has_prefix(host, "127."),
               "%s", host);
    FUZZ_CHECK(!roll_url_is_loopback(text) || target, "%s", text);
}

static void read_token(const char *text)
{
    g_autofree char *actor = claims_actor(text, strlen(text));

    FUZZ_CHECK(!actor || g_utf8_validate(actor, -1, NULL), "an actor that is not UTF-8");
    FUZZ_CHECK(!actor || !strpbrk(actor, "\n\r\t"), "an actor of several lines");
    g_strfreev(claims_groups(text, strlen(text)));
}

static void read_reply(const char *text)
{
    struct token_reply reply;

    if (!token_reply_read(&reply, text, strlen(text)))
        return;
    token_reply_text(&reply, "access_token");
    token_reply_number(&reply, "expires_in");
    token_reply_wipe(&reply);
}

static void read_challenge(const char *text)
{
    static const char *const names[] = {"realm", "service", "scope", "claims"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *value = challenge_value(text, names[i]);
        FUZZ_CHECK(!value || strlen(value) <= strlen(text), "%s", value);
    }
}

static void read_metadata(const char *text)
{
    roll_auto(cloud) struct roll_cloud *cloud = NULL;

    FUZZ_MUST(roll_cloud_new("https://arm.example", NULL, &cloud));
    if (!fuzz_ok(cloud_read_metadata(cloud, text, strlen(text)))) {
        FUZZ_CHECK(!cloud_is_known(cloud), "half a cloud");
        return;
    }
    FUZZ_CHECK(roll_url_is_https(cloud->login), "secrets would go to %s", cloud->login);
    FUZZ_CHECK(*cloud->audience, "a cloud without audience");
    FUZZ_CHECK(!strpbrk(cloud->registry, "/:@?#"), "a suffix %s", cloud->registry);
}

static void read_id(const char *text)
{
    struct deployment_id id;

    if (!deployment_id_parse(text, &id))
        return;
    g_autofree char *path = roll_arm_scope_path(&id.scope);
    FUZZ_CHECK(id.name && path, "%s", text);
    deployment_id_clear(&id);
}

static void show(const char *text)
{
    g_autoptr(GString) safe = g_string_new(NULL);
    g_autoptr(GString) twice = g_string_new(NULL);

    roll_text_safe(text, strlen(text), false, safe);
    FUZZ_CHECK(g_utf8_validate(safe->str, (gssize)safe->len, NULL), "text that is not UTF-8");
    FUZZ_CHECK(!strpbrk(safe->str, "\n\r\x1b\x7f"), "a control character");
    FUZZ_CHECK(!strstr(safe->str, "##vso[") && !strstr(safe->str, "##["), "%s", safe->str);
    roll_text_safe(safe->str, safe->len, false, twice);
    FUZZ_CHECK(g_string_equal(safe, twice), "%s became %s", safe->str, twice->str);
    FUZZ_CHECK(roll_text_width(safe->str) >= 0, "%s", safe->str);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        char key;
        void (*read)(const char *text);
    } readers[] = {{'t', read_time},  {'d', read_duration}, {'u', read_url},
                   {'j', read_token}, {'r', read_reply},    {'c', read_challenge},
                   {'i', read_id},    {'s', show},          {'m', read_metadata}};

    fuzz_begin();
    if (size == 0)
        return 0;
    g_autofree char *text = fuzz_text(data + 1, size - 1);
    for (size_t i = 0; i < G_N_ELEMENTS(readers); i++)
        if (readers[i].key == (char)data[0])
            readers[i].read(text);
    fuzz_end();
    return 0;
}
