/* Reads server scripts: lines of words, here-documents for longer text. The format is described in
 * tests/README.md. */
#include "tools/script.h"

#include <stdlib.h>
#include <string.h>

struct reader {
    char **lines;
    int at; /* index of the current line */
    struct script *script;
    struct script_expect *expect; /* the one that is being read, or NULL */
    struct script_reply *reply;   /* or NULL */
    char *problem;
};

static void condition_free(gpointer data)
{
    struct script_condition *condition = data;

    g_free(condition->name);
    g_free(condition->text);
    g_free(condition);
}

static void reply_free(gpointer data)
{
    struct script_reply *reply = data;

    g_free(reply->reason);
    g_ptr_array_unref(reply->headers);
    g_string_free(reply->body, TRUE);
    g_free(reply->raw);
    g_free(reply);
}

static void expect_free(gpointer data)
{
    struct script_expect *expect = data;

    g_free(expect->method);
    g_free(expect->target);
    if (expect->regex)
        g_regex_unref(expect->regex);
    g_ptr_array_unref(expect->conditions);
    g_ptr_array_unref(expect->replies);
    g_free(expect);
}

void script_free(struct script *script)
{
    if (!script)
        return;
    g_ptr_array_unref(script->expects);
    g_free(script);
}

/* ---- words ---------------------------------------------------------------------------------- */

static void fail(struct reader *reader, const char *what, const char *subject)
{
    if (!reader->problem)
        reader->problem = g_strdup_printf("line %d: %s '%s'", reader->at + 1, what, subject);
}

/* The first word of *rest, which then points behind it and the blanks. Owned by the caller; NULL at
 * the end. */
static char *next_word(const char **rest)
{
    const char *at = *rest + strspn(*rest, " \t");
    size_t size = strcspn(at, " \t");

    if (size == 0)
        return NULL;
    *rest = at + size + strspn(at + size, " \t");
    return g_strndup(at, size);
}

static bool read_number(struct reader *reader, const char *text, int *ret_number)
{
    guint64 number = 0;

    if (!text || !g_ascii_string_to_unsigned(text, 10, 0, 100000000, &number, NULL)) {
        fail(reader, "a number was expected, not", text ? text : "");
        return false;
    }
    *ret_number = (int)number;
    return true;
}

static bool read_ms(struct reader *reader, const char *text, int *ret_ms)
{
    g_autofree char *number = g_strdup(text ? text : "");
    int unit = 1000;

    if (g_str_has_suffix(number, "ms")) {
        number[strlen(number) - 2] = '\0';
        unit = 1;
    } else if (g_str_has_suffix(number, "s")) {
        number[strlen(number) - 1] = '\0';
    }
    if (!read_number(reader, number, ret_ms))
        return false;
    *ret_ms *= unit;
    return true;
}

/* The rest of the line, or with <<MARK the lines up to MARK. Owned by the caller. */
static char *read_text(struct reader *reader, const char *rest)
{
    if (!g_str_has_prefix(rest, "<<"))
        return g_strdup(rest);
    const char *mark = rest + 2;
    GString *text = g_string_new(NULL);
    int start = reader->at;
    for (reader->at++; reader->lines[reader->at]; reader->at++) {
        g_autofree char *line = g_strstrip(g_strdup(reader->lines[reader->at]));
        if (g_str_equal(line, mark)) {
            /* The last line break belongs to the mark. */
            if (text->len > 0)
                g_string_truncate(text, text->len - 1);
            return g_string_free(text, FALSE);
        }
        g_string_append(text, reader->lines[reader->at]);
        g_string_append_c(text, '\n');
    }
    reader->at = start;
    fail(reader, "nothing ends with the mark", mark);
    g_string_free(text, TRUE);
    return g_strdup("");
}

/* ---- statements ----------------------------------------------------------------------------- */

static void read_expect(struct reader *reader, const char *rest)
{
    struct script_expect *expect = g_new0(struct script_expect, 1);
    g_autofree char *times = NULL, *count = NULL;

    expect->line = reader->at + 1;
    expect->method = next_word(&rest);
    expect->target = next_word(&rest);
    expect->conditions = g_ptr_array_new_with_free_func(condition_free);
    expect->replies = g_ptr_array_new_with_free_func(reply_free);
    g_ptr_array_add(reader->script->expects, expect);
    reader->expect = expect;
    reader->reply = NULL;
    if (!expect->target) {
        fail(reader, "a method and a target were expected after", "expect");
        return;
    }
    if (expect->target[0] == '~') {
        expect->regex = g_regex_new(expect->target + 1, G_REGEX_ANCHORED, 0, NULL);
        if (!expect->regex)
            fail(reader, "not a regular expression:", expect->target + 1);
    }
    times = next_word(&rest);
    if (!times)
        return;
    count = next_word(&rest);
    if (!g_str_equal(times, "times"))
        fail(reader, "unknown word", times);
    else if (count && g_str_equal(count, "any"))
        expect->times = -1;
    else
        read_number(reader, count, &expect->times);
}

static void read_condition(struct reader *reader, enum script_condition_kind kind, const char *rest)
{
    bool header =
        kind == SCRIPT_IF_HEADER || kind == SCRIPT_HAS_HEADER || kind == SCRIPT_LACKS_HEADER;
    struct script_condition *condition = g_new0(struct script_condition, 1);

    condition->kind = kind;
    if (header) {
        const char *colon = strchr(rest, ':');
        condition->name = colon ? g_strndup(rest, (gsize)(colon - rest)) : g_strdup(rest);
        g_strstrip(condition->name);
        condition->text = colon ? g_strstrip(g_strdup(colon + 1)) : NULL;
    } else {
        condition->text = read_text(reader, rest);
    }
    g_ptr_array_add(reader->expect->conditions, condition);
}

static void read_reply(struct reader *reader, const char *rest)
{
    struct script_reply *reply = g_new0(struct script_reply, 1);
    g_autofree char *status = next_word(&rest);

    reply->headers = g_ptr_array_new_with_free_func(g_free);
    reply->body = g_string_new(NULL);
    reply->status = 200;
    g_ptr_array_add(reader->expect->replies, reply);
    reader->reply = reply;
    if (status)
        read_number(reader, status, &reply->status);
    reply->reason = g_strdup(*rest ? rest : "Scripted");
}

static void read_body(struct reader *reader, const char *rest)
{
    g_autofree char *text = read_text(reader, rest);

    g_string_append(reader->reply->body, text);
}

static void read_body_hex(struct reader *reader, const char *rest)
{
    g_autofree char *text = read_text(reader, rest);

    reader->reply->binary = true;
    for (const char *at = text; *at;) {
        if (g_ascii_isspace(*at)) {
            at++;
            continue;
        }
        if (!g_ascii_isxdigit(at[0]) || !g_ascii_isxdigit(at[1])) {
            fail(reader, "two hexadecimal digits were expected at", at);
            return;
        }
        g_string_append_c(reader->reply->body,
                          (char)(g_ascii_xdigit_value(at[0]) * 16 + g_ascii_xdigit_value(at[1])));
        at += 2;
    }
}

static void read_body_repeat(struct reader *reader, const char *rest)
{
    g_autofree char *count = next_word(&rest);
    int times = 0;

    if (!read_number(reader, count, &times))
        return;
    for (int i = 0; i < times; i++)
        g_string_append(reader->reply->body, rest);
}

static void read_fault(struct reader *reader, const char *rest)
{
    static const struct {
        const char *name;
        enum script_fault fault;
    } faults[] = {{"drop", SCRIPT_DROP},   {"reset", SCRIPT_RESET},   {"truncate", SCRIPT_TRUNCATE},
                  {"stall", SCRIPT_STALL}, {"silent", SCRIPT_SILENT}, {"drip", SCRIPT_DRIP}};
    g_autofree char *name = next_word(&rest), *bytes = next_word(&rest), *pause = next_word(&rest);
    int number = 0;

    for (gsize i = 0; name && i < G_N_ELEMENTS(faults); i++) {
        if (!g_str_equal(name, faults[i].name))
            continue;
        reader->reply->fault = faults[i].fault;
        if (bytes && read_number(reader, bytes, &number))
            reader->reply->fault_bytes = (gsize)number;
        if (faults[i].fault == SCRIPT_DRIP)
            read_ms(reader, pause, &reader->reply->fault_ms);
        return;
    }
    fail(reader, "unknown fault", name ? name : "");
}

static bool read_reply_line(struct reader *reader, const char *word, const char *rest)
{
    struct script_reply *reply = reader->reply;

    if (g_str_equal(word, "header"))
        g_ptr_array_add(reply->headers, g_strdup(rest));
    else if (g_str_equal(word, "body"))
        read_body(reader, rest);
    else if (g_str_equal(word, "body-hex"))
        read_body_hex(reader, rest);
    else if (g_str_equal(word, "body-repeat"))
        read_body_repeat(reader, rest);
    else if (g_str_equal(word, "raw"))
        reply->raw = read_text(reader, rest);
    else if (g_str_equal(word, "delay"))
        read_ms(reader, rest, &reply->delay_ms);
    else if (g_str_equal(word, "fault"))
        read_fault(reader, rest);
    else if (g_str_equal(word, "close"))
        reply->close = true;
    else if (g_str_equal(word, "leave"))
        reply->leave = true;
    else
        return false;
    return true;
}

static bool read_expect_line(struct reader *reader, const char *word, const char *rest)
{
    static const char *const words[] = {
        [SCRIPT_IF_HEADER] = "if-header",   [SCRIPT_IF_BODY] = "if-body",
        [SCRIPT_HAS_HEADER] = "has-header", [SCRIPT_LACKS_HEADER] = "lacks-header",
        [SCRIPT_HAS_BODY] = "has-body",     [SCRIPT_LACKS_BODY] = "lacks-body",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_str_equal(word, words[i])) {
            read_condition(reader, (enum script_condition_kind)i, rest);
            return true;
        }
    }
    return false;
}

static void read_line(struct reader *reader)
{
    const char *rest = reader->lines[reader->at];
    g_autofree char *word = next_word(&rest);

    if (!word || word[0] == '#')
        return;
    if (g_str_equal(word, "in-order"))
        reader->script->in_order = true;
    else if (g_str_equal(word, "accept-close"))
        read_number(reader, rest, &reader->script->accept_close);
    else if (g_str_equal(word, "expect"))
        read_expect(reader, rest);
    else if (!reader->expect)
        fail(reader, "'expect' must come before", word);
    else if (g_str_equal(word, "reply"))
        read_reply(reader, rest);
    else if (read_expect_line(reader, word, rest))
        return;
    else if (!reader->reply)
        fail(reader, "'reply' must come before", word);
    else if (!read_reply_line(reader, word, rest))
        fail(reader, "unknown word", word);
}

/* Without a count, an expectation is for as many requests as it has replies. */
static void complete(struct reader *reader)
{
    for (guint i = 0; i < reader->script->expects->len; i++) {
        struct script_expect *expect = g_ptr_array_index(reader->script->expects, i);
        if (expect->replies->len == 0) {
            reader->at = expect->line - 1;
            fail(reader, "no reply for", expect->target ? expect->target : "");
        }
        if (expect->times == 0)
            expect->times = (int)expect->replies->len;
    }
}

struct script *script_parse(const char *text, char **ret_problem)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    struct script *script = g_new0(struct script, 1);
    struct reader reader = {.lines = lines, .script = script};

    script->expects = g_ptr_array_new_with_free_func(expect_free);
    for (; lines[reader.at]; reader.at++)
        read_line(&reader);
    complete(&reader);
    if (!reader.problem)
        return script;
    *ret_problem = reader.problem;
    script_free(script);
    return NULL;
}
