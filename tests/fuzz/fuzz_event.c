/* One event's line: what is accepted is canonical, and composing what was understood gives a line
 * that is understood in the same way. */
#include "fuzz.h"
#include "ledger/fields.h"

static GString *compose(const struct roll_event *event)
{
    GString *line = NULL;
    char hash[ROLL_HEX_SIZE];

    FUZZ_MUST(roll_event_compose(event->stream, event->seq, event->prev, event->at, &event->actor,
                                 event->kind, event->body, &line, hash));
    return line;
}

static void check_copy(const struct roll_event *event)
{
    void *body = roll_event_body_copy(event->kind, event->body);
    struct roll_event copy = *event;

    copy.body = body;
    g_autoptr(GString) first = compose(event);
    g_autoptr(GString) second = compose(&copy);
    FUZZ_CHECK(g_string_equal(first, second), "%s", second->str);
    roll_event_body_free(event->kind, body);
}

static void check_frame(const struct roll_event *event, const char *line, size_t size)
{
    g_autoptr(GString) tail = g_string_new(NULL);
    const char *body = NULL;
    size_t body_size = 0;

    roll_line_tail(tail, event->prev, event->seq, event->stream);
    FUZZ_CHECK(roll_line_check(line, size, event->at, event->kind_name, tail, &body, &body_size),
               "%.*s", (int)size, line);
    FUZZ_CHECK(body_size == strlen(event->body_text) &&
                   memcmp(body, event->body_text, body_size) == 0,
               "%.*s", (int)size, line);
}

/* What is stored and what is understood are one: no field is cut off. */
static void check_whole(const struct roll_event *event)
{
    g_autoptr(GString) line = compose(event);
    roll_auto(json) json_t *said = NULL;
    roll_auto(event) struct roll_event *again = NULL;
    roll_auto(json) json_t *understood = NULL;
    const char *name;
    json_t *member;

    FUZZ_MUST(roll_event_parse(line->str, line->len, &again));
    FUZZ_MUST(roll_json_parse(event->body_text, strlen(event->body_text), ROLL_JSON_STRICT, &said));
    FUZZ_MUST(
        roll_json_parse(again->body_text, strlen(again->body_text), ROLL_JSON_STRICT, &understood));
    json_object_foreach (understood, name, member)
        FUZZ_CHECK(json_equal(json_object_get(said, name), member), "%s", name);
}

static void check_again(const struct roll_event *event)
{
    roll_auto(event) struct roll_event *again = NULL;
    g_autoptr(GString) line = compose(event);

    FUZZ_MUST(roll_event_parse(line->str, line->len, &again));
    g_autoptr(GString) second = compose(again);
    FUZZ_CHECK(g_string_equal(line, second), "%s", second->str);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    roll_auto(event) struct roll_event *event = NULL;

    fuzz_begin();
    if (fuzz_ok(roll_event_parse((const char *)data, size, &event))) {
        check_frame(event, (const char *)data, size);
        if (event->kind != ROLL_EVENT_UNKNOWN) {
            check_copy(event);
            check_again(event);
            check_whole(event);
        }
    }
    fuzz_end();
    return 0;
}
