/* Options by table: GNU style, long and short, anywhere among the arguments; `--` ends them. */
#include "app.h"

#include <string.h>

#include "rollbook/text.h"
#include "rollbook/time.h"

const struct roll_option roll_global_options[] = {
    {"directory", 'C', ROLL_TEXT, offsetof(struct roll_globals, directory), "DIR",
     "work as if started in DIR"},
    {"output", 'o', ROLL_TEXT, offsetof(struct roll_globals, output), "FORMAT",
     "table (default) or json"},
    {"quiet", 'q', ROLL_FLAG, offsetof(struct roll_globals, quiet), NULL,
     "only errors and what was asked for"},
    {"verbose", 'v', ROLL_FLAG, offsetof(struct roll_globals, verbose), NULL,
     "say more; -vv shows every request"},
    {"no-color", 0, ROLL_FLAG, offsetof(struct roll_globals, no_color), NULL,
     "no colours (NO_COLOR works too)"},
    {"ok", 0, ROLL_TEXT, offsetof(struct roll_globals, ok), "LIST",
     "exit 0 for these: waiting, nothing, found, expired, …"},
    {"help", 'h', ROLL_FLAG, offsetof(struct roll_globals, help), NULL, "this help"},
    {NULL},
};

const struct roll_command *roll_command_find(const struct roll_command *const *commands,
                                             const char *name)
{
    for (; commands && *commands; commands++)
        if (strcmp((*commands)->name, name) == 0)
            return *commands;
    return NULL;
}

struct match {
    const struct roll_option *option;
    void *base; /* the context that the offset points into */
};

struct parser {
    const struct roll_command *command;
    void *context;
    struct roll_globals *globals;
};

static struct match find_in(const struct roll_option *options, void *base, const char *name,
                            size_t size, char letter)
{
    for (; options && options->name; options++) {
        if (letter ? options->letter == letter
                   : (strlen(options->name) == size && memcmp(options->name, name, size) == 0))
            return (struct match){options, base};
    }
    return (struct match){NULL, NULL};
}

static struct match find(const struct parser *parser, const char *name, size_t size, char letter)
{
    struct match match = {NULL, NULL};

    if (parser->command)
        match = find_in(parser->command->options, parser->context, name, size, letter);
    if (!match.option)
        match = find_in(roll_global_options, parser->globals, name, size, letter);
    return match;
}

static struct roll_error *unknown_option(const struct parser *parser, const char *typed)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *nearest;

    for (const struct roll_option *o = parser->command ? parser->command->options : NULL;
         o && o->name; o++)
        g_ptr_array_add(names, (void *)(uintptr_t)o->name);
    for (const struct roll_option *o = roll_global_options; o->name; o++)
        g_ptr_array_add(names, (void *)(uintptr_t)o->name);
    g_ptr_array_add(names, NULL);
    nearest = roll_text_nearest(typed + strspn(typed, "-"), (const char *const *)names->pdata);
    if (nearest)
        return roll_error_new(ROLL_E_USAGE, "unknown option '%s'; did you mean '--%s'?", typed,
                              nearest);
    return roll_error_new(ROLL_E_USAGE, "unknown option '%s'", typed);
}

static struct roll_error *parse_number(const struct roll_option *option, const char *value,
                                       int *ret_number)
{
    char *end = NULL;
    gint64 number = g_ascii_strtoll(value, &end, 10);
    int least = option->type == ROLL_COUNT ? 1 : 0;

    if (!*value || *end || number < least || number > 1000000)
        return roll_error_new(ROLL_E_USAGE,
                              "option '--%s' takes a number from %d to 1000000, not '%s'",
                              option->name, least, value);
    *ret_number = (int)number;
    return NULL;
}

/* A time, a day (its first instant, UTC), or how long ago. */
static bool parse_time(const char *value, int64_t *ret_ms)
{
    g_autofree char *day = g_strconcat(value, "T00:00:00Z", NULL);
    int64_t ago_ms = 0;
    roll_auto(error) struct roll_error *time = roll_time_parse(value, ret_ms);
    roll_auto(error) struct roll_error *midnight = time ? roll_time_parse(day, ret_ms) : NULL;
    roll_auto(error) struct roll_error *ago = midnight ? roll_duration_parse(value, &ago_ms) : NULL;

    if (midnight && !ago)
        *ret_ms = roll_now_ms() - ago_ms;
    return !ago;
}

static struct roll_error *store(const struct match *match, const char *value)
{
    char *at = (char *)match->base + match->option->offset;
    const struct roll_option *option = match->option;

    switch (option->type) {
    case ROLL_FLAG:
        *(bool *)at = true;
        return NULL;
    case ROLL_TEXT:
        if (!*value)
            return roll_error_new(ROLL_E_USAGE, "option '--%s' needs a value", option->name);
        *(const char **)at = value;
        return NULL;
    case ROLL_TEXTS:
        if (!*(GPtrArray **)at)
            *(GPtrArray **)at = g_ptr_array_new();
        g_ptr_array_add(*(GPtrArray **)at, (void *)(uintptr_t)value);
        return NULL;
    case ROLL_NUMBER:
    case ROLL_COUNT:
        return parse_number(option, value, (int *)at);
    case ROLL_DURATION: {
        struct roll_error *err = roll_duration_parse(value, (int64_t *)at);
        if (err)
            roll_error_free(err);
        return err ? roll_error_new(
                         ROLL_E_USAGE,
                         "option '--%s' takes a duration such as 2s, 10m or PT1H, not '%s'",
                         option->name, value)
                   : NULL;
    }
    case ROLL_TIME:
        if (parse_time(value, (int64_t *)at))
            return NULL;
        return roll_error_new(
            ROLL_E_USAGE,
            "option '--%s' takes a time (2026-11-21T09:30:00Z), a day (2026-11-21) "
            "or how long ago (7d), not '%s'",
            option->name, value);
    }
    return NULL;
}

/* A value that is the next argument; --help is never taken for one. */
static struct roll_error *next_value(const struct parser *parser, const struct roll_option *option,
                                     char ***argv, const char **ret_value)
{
    const char *next = (*argv)[1];

    if (next && strcmp(next, "--help") == 0) {
        parser->globals->help = true;
        (*argv)++;
        return NULL;
    }
    if (!next)
        return roll_error_new(ROLL_E_USAGE, "option '--%s' needs a value", option->name);
    *ret_value = next;
    (*argv)++;
    return NULL;
}

static struct roll_error *parse_long(const struct parser *parser, char ***argv)
{
    const char *typed = **argv;
    const char *name = typed + 2;
    const char *equals = strchr(name, '=');
    struct match match = find(parser, name, equals ? (size_t)(equals - name) : strlen(name), 0);
    const char *value = equals ? equals + 1 : NULL;

    if (!match.option)
        return unknown_option(parser, typed);
    if (match.option->type == ROLL_FLAG) {
        if (equals)
            return roll_error_new(ROLL_E_USAGE, "option '--%s' takes no value", match.option->name);
        return store(&match, NULL);
    }
    if (!value)
        ROLL_TRY(next_value(parser, match.option, argv, &value));
    return value ? store(&match, value) : NULL;
}

static struct roll_error *parse_short(const struct parser *parser, char ***argv)
{
    for (const char *at = **argv + 1; *at; at++) {
        struct match match = find(parser, NULL, 0, *at);
        const char *value = NULL;

        if (!match.option)
            return unknown_option(parser, **argv);
        if (match.option->type == ROLL_FLAG) {
            if (*at == 'v' && parser->globals->verbose)
                parser->globals->debug = true;
            ROLL_TRY(store(&match, NULL));
            continue;
        }
        if (at[1])
            return store(&match, at + 1);
        ROLL_TRY(next_value(parser, match.option, argv, &value));
        return value ? store(&match, value) : NULL;
    }
    return NULL;
}

static void terminate_lists(const struct roll_option *options, void *context)
{
    for (; options && options->name; options++) {
        GPtrArray **list = (GPtrArray **)(void *)((char *)context + options->offset);
        if (options->type == ROLL_TEXTS && *list)
            g_ptr_array_add(*list, NULL);
    }
}

void roll_options_clear(const struct roll_option *options, void *context)
{
    for (; options && options->name; options++) {
        GPtrArray **list = (GPtrArray **)(void *)((char *)context + options->offset);
        if (options->type == ROLL_TEXTS && *list)
            g_ptr_array_unref(*list);
    }
}

struct roll_error *roll_options_parse(const struct roll_command *command, char **argv,
                                      void *context, struct roll_globals *globals,
                                      GPtrArray *arguments)
{
    struct parser parser = {command, context, globals};

    for (; *argv; argv++) {
        if (strcmp(*argv, "--") == 0) {
            for (argv++; *argv; argv++)
                g_ptr_array_add(arguments, *argv);
            break;
        }
        if (strncmp(*argv, "--", 2) == 0)
            ROLL_TRY(parse_long(&parser, &argv));
        else if (**argv == '-' && (*argv)[1])
            ROLL_TRY(parse_short(&parser, &argv));
        else
            g_ptr_array_add(arguments, *argv);
    }
    if (command)
        terminate_lists(command->options, context);
    return NULL;
}
