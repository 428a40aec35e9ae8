/* Telling webhooks: one chain of requests for each, all within one bound. What was taken is
 * recorded at the end; a crash before that sends it again, with the same id. */
#include <string.h>

#include "rollbook/fault.h"
#include "rollbook/json.h"
#include "rollbook/notify.h"
#include "rollbook/time.h"

enum {
    LEAST_MS = 50,
    REPLY_BYTES = 64 * 1024,
    MAX_TRIES = 5,
    MOST = 30 /* in one pass, of each */
};

/* One entry of the plan's `notify`. */
struct webhook {
    const char *name; /* env:TEAMS_URL, borrowed from the rules */
    enum roll_notice_format format;
    unsigned words;
    GPtrArray *notices;          /* owned struct roll_notice *, what it was not told yet */
    struct roll_secret *address; /* NULL: not known here */

    /* while it is being told */
    const struct roll_notify *notify;
    struct roll_loop *loop;
    int64_t until;   /* boot ms */
    guint next;      /* the next to be told */
    GPtrArray *done; /* borrowed notices that were taken */
    char *trouble;
};

static void webhook_free(void *data)
{
    struct webhook *webhook = data;

    g_ptr_array_unref(webhook->notices);
    g_ptr_array_unref(webhook->done);
    roll_secret_free(webhook->address);
    g_free(webhook->trouble);
    g_free(webhook);
}

/* ---- reading rules --------------------------------------------------------------------------- */

static unsigned words_of(const json_t *on)
{
    unsigned words = 0;
    size_t at;
    json_t *word;

    json_array_foreach (on, at, word)
        for (int i = 0; i < ROLL_NOTICE_WORDS; i++)
            if (g_strcmp0(json_string_value(word), roll_notice_words[i]) == 0)
                words |= 1U << i;
    return words;
}

static enum roll_notice_format format_of(const char *name)
{
    for (int i = 0; i < ROLL_NOTICE_FORMATS; i++)
        if (g_strcmp0(name, roll_notice_formats[i]) == 0)
            return (enum roll_notice_format)i;
    return ROLL_NOTICE_CLOUDEVENTS;
}

/* A secret that came through a file often ends with a line break. */
static struct roll_secret *find_address(const char *name)
{
    const char *value = g_getenv(name + strlen("env:"));

    if (!value)
        return NULL;
    while (g_ascii_isspace(*value))
        value++;
    size_t size = strlen(value);
    while (size > 0 && g_ascii_isspace(value[size - 1]))
        size--;
    return size > 0 ? roll_secret_new(value, size) : NULL;
}

static struct webhook *webhook_new(const struct roll_notify *notify, const json_t *rule)
{
    struct webhook *webhook = g_new0(struct webhook, 1);

    webhook->name = roll_json_get_string(rule, "webhook");
    webhook->format = format_of(roll_json_get_string(rule, "format"));
    webhook->words = words_of(json_object_get(rule, "on"));
    webhook->notify = notify;
    webhook->notices = g_ptr_array_new_with_free_func((GDestroyNotify)roll_notice_free);
    webhook->done = g_ptr_array_new();
    webhook->address = find_address(webhook->name);
    return webhook;
}

/* Two entries may name one address: it hears of a thing once. */
static bool is_queued(const GPtrArray *webhooks, const struct webhook *webhook, const char *id)
{
    for (guint i = 0; i < webhooks->len; i++) {
        const struct webhook *other = webhooks->pdata[i];
        for (guint j = 0; strcmp(other->name, webhook->name) == 0 && j < other->notices->len; j++)
            if (strcmp(((const struct roll_notice *)other->notices->pdata[j])->id, id) == 0)
                return true;
    }
    return false;
}

static struct roll_error *find_notices(const GPtrArray *webhooks, struct webhook *webhook)
{
    const struct roll_notify *notify = webhook->notify;
    g_autoptr(GPtrArray) all = NULL;

    ROLL_TRY(roll_notices(notify->ledger, notify->stream, webhook->words, notify->now_ms, &all));
    for (guint i = 0; i < all->len; i++) {
        struct roll_notice *notice = all->pdata[i];
        bool delivered;
        ROLL_TRY(roll_ledger_notice(notify->ledger, notify->stream, notice->id, webhook->name,
                                    &delivered));
        if (delivered || is_queued(webhooks, webhook, notice->id))
            continue;
        g_ptr_array_add(webhook->notices, notice);
        all->pdata[i] = NULL;
    }
    return NULL;
}

/* A GPtrArray of struct webhook *, with what they were not told. */
static struct roll_error *read_rules(const struct roll_notify *notify, GPtrArray **ret_webhooks)
{
    g_autoptr(GPtrArray) webhooks = g_ptr_array_new_with_free_func(webhook_free);
    size_t at;
    json_t *rule;

    json_array_foreach (notify->rules, at, rule) {
        struct webhook *webhook = webhook_new(notify, rule);
        struct roll_error *err = find_notices(webhooks, webhook);
        g_ptr_array_add(webhooks, webhook);
        ROLL_TRY(err);
    }
    *ret_webhooks = g_steal_pointer(&webhooks);
    return NULL;
}

struct roll_error *roll_notify_waiting(const struct roll_notify *notify, int *ret_count)
{
    g_autoptr(GPtrArray) webhooks = NULL;

    *ret_count = 0;
    ROLL_TRY(read_rules(notify, &webhooks));
    for (guint i = 0; i < webhooks->len; i++) {
        const struct webhook *webhook = webhooks->pdata[i];
        *ret_count += webhook->address ? (int)webhook->notices->len : 0;
    }
    return NULL;
}

/* ---- telling --------------------------------------------------------------------------------- */

static void tell_next(struct webhook *webhook);

/* Our words alone: libcurl's name hosts. */
static char *problem_of(const struct roll_http_reply *reply)
{
    if (reply->outcome == ROLL_HTTP_UNSENT)
        return g_strdup("cannot be reached");
    if (reply->outcome == ROLL_HTTP_LOST)
        return g_strdup("gave no answer");
    return g_strdup_printf("answered %d", reply->status);
}

/* One notice that it does not take does not keep it from the next. */
static bool is_about_content(const struct roll_http_reply *reply)
{
    return reply->outcome == ROLL_HTTP_REPLIED &&
           (reply->status == 400 || reply->status == 413 || reply->status == 422);
}

static void on_reply(void *user, const struct roll_http_reply *reply)
{
    struct webhook *webhook = user;
    struct roll_notice *notice = webhook->notices->pdata[webhook->next];

    webhook->next++;
    if (reply->outcome == ROLL_HTTP_REPLIED && reply->status >= 200 && reply->status < 300) {
        g_ptr_array_add(webhook->done, notice);
        tell_next(webhook);
        return;
    }
    g_free(webhook->trouble);
    webhook->trouble = problem_of(reply);
    if (is_about_content(reply))
        tell_next(webhook);
}

static void tell_next(struct webhook *webhook)
{
    int64_t left_ms = webhook->until - roll_boot_ms();

    if (webhook->next >= MIN(webhook->notices->len, MOST))
        return;
    if (left_ms < LEAST_MS) {
        if (!webhook->trouble)
            webhook->trouble = g_strdup("took too long");
        return;
    }
    const struct roll_notice *notice = webhook->notices->pdata[webhook->next];
    roll_auto(json) json_t *body =
        roll_notice_body(notice, webhook->format, roll_ledger_id(webhook->notify->ledger));
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *id = g_strconcat("Roll-Notice-Id: ", notice->id, NULL);
    const char *headers[] = {webhook->format == ROLL_NOTICE_CLOUDEVENTS
                                 ? "Content-Type: application/cloudevents+json; charset=utf-8"
                                 : "Content-Type: application/json; charset=utf-8",
                             id, NULL};
    roll_json_write(body, text);
    struct roll_http_request request = {
        .method = "POST",
        .url = roll_secret_reveal(webhook->address),
        .named = webhook->name,
        .headers = headers,
        .body = text->str,
        .body_size = text->len,
        .max_reply_bytes = REPLY_BYTES,
        .connect_timeout_ms = left_ms,
        .stall_timeout_ms = left_ms,
        .timeout_ms = left_ms,
        .deadline_ms = left_ms,
        .retry = ROLL_HTTP_RETRY_NONE,
    };
    roll_http_send(webhook->loop, &request, on_reply, webhook);
}

static struct roll_error *begin(struct webhook *webhook, struct roll_loop *loop, int64_t until)
{
    const char *address = webhook->address ? roll_secret_reveal(webhook->address) : NULL;

    webhook->loop = loop;
    webhook->until = until;
    if (!address)
        return NULL;
    if (!roll_url_is_https(address) && !roll_url_is_loopback(address)) {
        webhook->trouble = g_strdup("holds no https address");
        return NULL;
    }
    for (guint i = 0; i < MIN(webhook->notices->len, MOST); i++)
        ROLL_TRY(roll_notice_describe(webhook->notify->ledger, webhook->notices->pdata[i]));
    tell_next(webhook);
    return NULL;
}

/* ---- recording ------------------------------------------------------------------------------- */

static struct roll_error *append(const struct roll_notify *notify, const struct roll_draft *drafts,
                                 size_t count)
{
    struct roll_expect expect = {.stream = notify->stream};
    struct roll_error *err = NULL;

    for (int tries = 0; tries < MAX_TRIES; tries++) {
        roll_error_free(err);
        ROLL_TRY(roll_ledger_head(notify->ledger, notify->stream, &expect.head));
        err = roll_ledger_append(notify->ledger, notify->actor, 0, &expect, 1, drafts, count, NULL,
                                 0, NULL);
        if (roll_error_code(err) != ROLL_E_CONFLICT)
            break;
    }
    return err;
}

static struct roll_error *record(const struct roll_notify *notify, const GPtrArray *webhooks)
{
    g_autoptr(GArray) bodies = g_array_new(FALSE, TRUE, sizeof(struct roll_notice_delivered));
    g_autoptr(GArray) drafts = g_array_new(FALSE, TRUE, sizeof(struct roll_draft));

    for (guint i = 0; i < webhooks->len; i++) {
        const struct webhook *webhook = webhooks->pdata[i];
        for (guint j = 0; j < webhook->done->len; j++) {
            const struct roll_notice *notice = webhook->done->pdata[j];
            struct roll_notice_delivered body = {.notice = notice->id,
                                                 .webhook = (char *)(uintptr_t)webhook->name};
            g_array_append_val(bodies, body);
        }
    }
    for (guint i = 0; i < bodies->len; i++) {
        struct roll_draft draft = {notify->stream, ROLL_EVENT_notice_delivered,
                                   &g_array_index(bodies, struct roll_notice_delivered, i)};
        g_array_append_val(drafts, draft);
    }
    return drafts->len == 0
               ? NULL
               : append(notify, (const struct roll_draft *)(void *)drafts->data, drafts->len);
}

static void list(GString *out, const char *name, const char *what)
{
    g_string_append_printf(out, "%s%s%s%s", out->len ? ", " : "", name, what ? " " : "",
                           what ? what : "");
}

static char *text_or_null(GString *text_take)
{
    return g_string_free(text_take, text_take->len == 0);
}

static void sum_up(const GPtrArray *webhooks, struct roll_notified *notified)
{
    GString *trouble = g_string_new(NULL), *unset = g_string_new(NULL);

    for (guint i = 0; i < webhooks->len; i++) {
        const struct webhook *webhook = webhooks->pdata[i];
        guint left = webhook->notices->len - webhook->done->len;
        notified->delivered += (int)webhook->done->len;
        if (left > 0 && !webhook->address)
            list(unset, webhook->name, NULL);
        else
            notified->left += (int)left;
        if (left > 0 && webhook->trouble)
            list(trouble, webhook->name, webhook->trouble);
    }
    notified->unset = text_or_null(unset);
    notified->trouble = text_or_null(trouble);
}

void roll_notified_clear(struct roll_notified *notified)
{
    g_free(notified->unset);
    g_free(notified->trouble);
    *notified = (struct roll_notified){0};
}

struct roll_error *roll_notify_deliver(const struct roll_notify *notify,
                                       struct roll_notified *ret_notified)
{
    g_autoptr(GPtrArray) webhooks = NULL;
    roll_auto(loop) struct roll_loop *loop = NULL;
    struct roll_notified notified = {0};
    int64_t until = roll_boot_ms() + notify->bound_ms;

    ROLL_TRY(read_rules(notify, &webhooks));
    ROLL_TRY(roll_loop_new(&loop));
    for (guint i = 0; i < webhooks->len; i++)
        ROLL_TRY(begin(webhooks->pdata[i], loop, until));
    ROLL_TRY(roll_loop_run(loop));
    (void)roll_fault("notice-sent");
    ROLL_TRY(record(notify, webhooks));
    sum_up(webhooks, &notified);
    *ret_notified = notified;
    return NULL;
}
