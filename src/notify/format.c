/* A notice as each receiver wants it. Reasons and errors come from people and from Azure: they go
 * only where no markup is read (Adaptive Cards: text runs; Slack: plain text, with its three
 * characters escaped). */
#include <inttypes.h>
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/notify.h"
#include "rollbook/text.h"
#include "rollbook/time.h"

const char *const roll_notice_formats[ROLL_NOTICE_FORMATS] = {"cloudevents", "teams", "slack"};

/* Safe to show, and at most ROLL_NOTICE_TEXT characters. NULL stays NULL. Owned. */
static char *told(const char *text)
{
    g_autoptr(GString) safe = g_string_new(NULL);

    if (!text)
        return NULL;
    roll_text_safe(text, strlen(text), false, safe);
    if (g_utf8_strlen(safe->str, (gssize)safe->len) <= ROLL_NOTICE_TEXT)
        return g_string_free(g_steal_pointer(&safe), FALSE);
    const char *end = g_utf8_offset_to_pointer(safe->str, ROLL_NOTICE_TEXT);
    return g_strdup_printf("%.*s…", (int)(end - safe->str), safe->str);
}

/* What a rollout comes to, as the end of `rollout #17 to 1.5.0 …`. */
static const char *const ends[ROLL_NOTICE_WORDS] = {
    [ROLL_NOTICE_FAILED] = "failed",
    [ROLL_NOTICE_HOTFIX] = "was requested",
    [ROLL_NOTICE_WAITING] = "is waiting",
    [ROLL_NOTICE_REFUSED] = "was refused",
    [ROLL_NOTICE_EXPIRED] = "has expired",
    [ROLL_NOTICE_CANCELLED] = "was cancelled",
    [ROLL_NOTICE_SUPERSEDED] = "was superseded",
    [ROLL_NOTICE_SUCCEEDED] = "succeeded",
};

/* One line: `shop/prod: rollout #17 to 1.5.0 failed`. Owned. */
static char *title_of(const struct roll_notice *notice)
{
    const char *release = notice->release ? notice->release : "each target's own release";
    const char *what = strcmp(notice->kind, "hotfix") == 0 ? "hotfix" : "rollout";

    if (notice->word == ROLL_NOTICE_DRIFT)
        return g_strdup_printf("%s: target %s has drifted: %s", notice->stream, notice->subject,
                               notice->state);
    if (notice->word == ROLL_NOTICE_NOT_READY)
        return g_strdup_printf("%s: %s cannot be gone back to: %s", notice->stream, notice->subject,
                               notice->state);
    if (notice->word == ROLL_NOTICE_OWED && strcmp(notice->kind, "override") == 0)
        return g_strdup_printf("%s: %s of #%" PRId64 " %s", notice->stream, notice->subject,
                               notice->rollout, notice->state);
    if (notice->word == ROLL_NOTICE_OWED)
        return g_strdup_printf("%s: %s of #%" PRId64 ", which was put off, %s", notice->stream,
                               notice->subject, notice->rollout, notice->state);
    if (notice->word == ROLL_NOTICE_ROLLED_BACK)
        return g_strdup_printf("%s: rolled back to %s", notice->stream, release);
    if (strcmp(notice->kind, "back") == 0)
        what = "rollback";
    return g_strdup_printf("%s: %s #%" PRId64 " to %s %s", notice->stream, what, notice->rollout,
                           release, ends[notice->word]);
}

/* ---- facts ----------------------------------------------------------------------------------- */

static char *releases_of(const struct roll_notice *notice)
{
    if (!notice->rollout)
        return NULL;
    if (!notice->release)
        return g_strdup("each target's own");
    /* Back to what had been live all along: the arrow would tell nothing. */
    return notice->from && strcmp(notice->from, notice->release) != 0
               ? g_strdup_printf("%s → %s", notice->from, notice->release)
               : g_strdup(notice->release);
}

/* [[LABEL, VALUE]], what there is, in the order in which it is read. New reference. */
static json_t *facts_of(const struct roll_notice *notice)
{
    g_autofree char *releases = releases_of(notice);
    char at[ROLL_TIME_SIZE];
    const struct {
        const char *label, *value;
    } facts[] = {
        {"Environment", notice->stream}, {"Kind", notice->kind},
        {"Release", releases},           {"Subject", notice->subject},
        {"State", notice->state},        {"By", notice->who},
        {"Reason", notice->reason},      {"Why", notice->why},
        {"Error", notice->error},        {"When", at},
        {"Next", notice->next},
    };
    json_t *list = json_array();

    roll_time_format(notice->at, at);
    for (size_t i = 0; i < G_N_ELEMENTS(facts); i++) {
        g_autofree char *value = told(facts[i].value);
        if (value)
            json_array_append_new(list, json_pack("[ss]", facts[i].label, value));
    }
    return list;
}

/* ---- CloudEvents ----------------------------------------------------------------------------- */

static void set_text(json_t *object, const char *name, const char *text)
{
    g_autofree char *value = told(text);

    if (value)
        json_object_set_new(object, name, json_string(value));
}

static json_t *cloudevent(const struct roll_notice *notice, const char *ledger_id)
{
    g_autofree char *source = g_strdup_printf("urn:rollbook:%s:%s", ledger_id, notice->stream);
    g_autofree char *subject = notice->rollout
                                   ? g_strdup_printf("%s#%" PRId64, notice->stream, notice->rollout)
                                   : g_strdup_printf("%s/%s", notice->stream, notice->subject);
    g_autofree char *type = g_strconcat(notice->rollout ? "rollbook.rollout." : "rollbook.look.",
                                        roll_notice_words[notice->word], NULL);
    g_autofree char *title = title_of(notice);
    char at[ROLL_TIME_SIZE];
    json_t *data = json_object();

    roll_time_format(notice->at, at);
    set_text(data, "text", title);
    set_text(data, "environment", notice->stream);
    if (notice->rollout)
        json_object_set_new(data, "rollout", json_integer(notice->rollout));
    set_text(data, "subject", notice->subject);
    set_text(data, "kind", notice->kind);
    set_text(data, "state", notice->state);
    set_text(data, "release", notice->release);
    set_text(data, "from", notice->from);
    set_text(data, "by", notice->who);
    set_text(data, "reason", notice->reason);
    set_text(data, "why", notice->why);
    set_text(data, "error", notice->error);
    set_text(data, "next", notice->next);
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:o}", "specversion", "1.0", "id", notice->id,
                     "source", source, "type", type, "subject", subject, "time", at,
                     "datacontenttype", "application/json", "data", data);
}

/* ---- Teams ----------------------------------------------------------------------------------- */

/* Text blocks and fact sets read Markdown, text runs do not (Adaptive Cards, TextRun). */
static json_t *line_of(const char *label, const char *value)
{
    g_autofree char *bold = g_strconcat(label, ": ", NULL);

    return json_pack("{s:s,s:s,s:[{s:s,s:s,s:s},{s:s,s:s}]}", "type", "RichTextBlock", "spacing",
                     "Small", "inlines", "type", "TextRun", "weight", "Bolder", "text", bold,
                     "type", "TextRun", "text", value);
}

static json_t *teams(const struct roll_notice *notice)
{
    g_autofree char *whole = title_of(notice);
    g_autofree char *title = told(whole);
    roll_auto(json) json_t *facts = facts_of(notice);
    json_t *body = json_array();
    size_t at;
    json_t *fact;

    json_array_append_new(body, json_pack("{s:s,s:[{s:s,s:s,s:s,s:s}]}", "type", "RichTextBlock",
                                          "inlines", "type", "TextRun", "size", "Medium", "weight",
                                          "Bolder", "text", title));
    json_array_foreach (facts, at, fact)
        json_array_append_new(body, line_of(json_string_value(json_array_get(fact, 0)),
                                            json_string_value(json_array_get(fact, 1))));
    return json_pack("{s:s,s:[{s:s,s:n,s:{s:s,s:s,s:s,s:o}}]}", "type", "message", "attachments",
                     "contentType", "application/vnd.microsoft.card.adaptive", "contentUrl",
                     "content", "$schema", "http://adaptivecards.io/schemas/adaptive-card.json",
                     "type", "AdaptiveCard", "version", "1.4", "body", body);
}

/* ---- Slack ----------------------------------------------------------------------------------- */

static void slack_escape(const char *text, GString *out)
{
    for (const char *at = text; *at; at++) {
        if (*at == '&')
            g_string_append(out, "&amp;");
        else if (*at == '<')
            g_string_append(out, "&lt;");
        else if (*at == '>')
            g_string_append(out, "&gt;");
        else
            g_string_append_c(out, *at);
    }
}

enum { SLACK_SECTION = 3000 }; /* characters of a section's text, as it is sent */

static json_t *plain(const char *text)
{
    return json_pack("{s:s,s:{s:s,s:s,s:b}}", "type", "section", "text", "type", "plain_text",
                     "text", text, "emoji", 0);
}

/* One section for each line: `Reason: …`. */
static json_t *slack(const struct roll_notice *notice)
{
    g_autofree char *whole = title_of(notice);
    g_autofree char *title = told(whole);
    g_autoptr(GString) escaped = g_string_new(NULL);
    roll_auto(json) json_t *facts = facts_of(notice);
    json_t *blocks = json_array();
    size_t at;
    json_t *fact;

    slack_escape(title, escaped);
    json_array_append_new(blocks, plain(escaped->str));
    json_array_foreach (facts, at, fact) {
        g_autoptr(GString) line = g_string_new(json_string_value(json_array_get(fact, 0)));
        g_string_append(line, ": ");
        slack_escape(json_string_value(json_array_get(fact, 1)), line);
        if (g_utf8_strlen(line->str, (gssize)line->len) <= SLACK_SECTION)
            json_array_append_new(blocks, plain(line->str));
    }
    return json_pack("{s:s,s:b,s:o}", "text", escaped->str, "mrkdwn", 0, "blocks", blocks);
}

json_t *roll_notice_body(const struct roll_notice *notice, enum roll_notice_format format,
                         const char *ledger_id)
{
    switch (format) {
    case ROLL_NOTICE_TEAMS:
        return teams(notice);
    case ROLL_NOTICE_SLACK:
        return slack(notice);
    default:
        return cloudevent(notice, ledger_id);
    }
}
