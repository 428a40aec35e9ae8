/* A command line, one word a line: the first names the command, the rest are its options and
 * arguments. Whatever it is, it is understood or refused with usage, and every text that is kept is
 * one of the words. */
#include "cli/app.h"
#include "fuzz.h"

#define WORDS_MAX 200

/* The options of one table, filled from the words. */
static bool is_of(const char *text, char *const *words)
{
    for (; *words; words++)
        if (text >= *words && text <= *words + strlen(*words))
            return true;
    return false;
}

static void check_options(const struct roll_option *options, const void *context,
                          char *const *words)
{
    for (; options && options->name; options++) {
        const void *at = (const char *)context + options->offset;
        if (options->type == ROLL_TEXT && *(const char *const *)at)
            FUZZ_CHECK(is_of(*(const char *const *)at, words), "--%s", options->name);
        if (options->type == ROLL_DURATION)
            FUZZ_CHECK(*(const int64_t *)at >= 0, "--%s is negative", options->name);
        const GPtrArray *list = options->type == ROLL_TEXTS ? *(GPtrArray *const *)at : NULL;
        for (guint i = 0; list && i + 1 < list->len; i++)
            FUZZ_CHECK(is_of(g_ptr_array_index(list, i), words), "--%s", options->name);
    }
}

static void parse(const struct roll_command *command, char **words)
{
    g_autofree void *context = g_malloc0(MAX(command->context_size, 1));
    g_autoptr(GPtrArray) arguments = g_ptr_array_new();
    struct roll_globals globals = {0};
    struct roll_error *err = roll_options_parse(command, words, context, &globals, arguments);

    if (err)
        FUZZ_CHECK(err->code == ROLL_E_USAGE, "'%s' is refused with another code", err->message);
    else
        check_options(command->options, context, words);
    fuzz_ok(err);
    for (guint i = 0; i < arguments->len; i++)
        FUZZ_CHECK(is_of(g_ptr_array_index(arguments, i), words), "argument %u", i);
    roll_options_clear(command->options, context);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = fuzz_text(data, size);
    g_auto(GStrv) words = g_strsplit(text, "\n", WORDS_MAX);
    const struct roll_command *command;

    fuzz_begin();
    command = words[0] ? roll_command_find(roll_commands, words[0]) : NULL;
    if (command && command->subcommands && words[1])
        command = roll_command_find(command->subcommands, words[1]);
    if (command)
        parse(command, words + 1);
    else if (words[0])
        for (const struct roll_command *const *each = roll_commands; *each; each++)
            parse(*each, words);
    fuzz_end();
    return 0;
}
