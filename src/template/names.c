/* Maps from names to indexes without regard to case, built once: open addressing in an arena. */
#include "parse.h"
#include "value.h"

struct entry {
    const char *name;
    size_t index;
};

struct names {
    struct arena *arena;
    size_t mask;
    size_t used;
    struct entry *entries;
};

static size_t hash_name(const char *name)
{
    guint32 hash = 2166136261u;
    for (const unsigned char *at = (const unsigned char *)name; *at; at++)
        hash = (hash ^ (guint32)g_ascii_tolower((char)*at)) * 16777619u;
    return hash ^ (hash >> 15);
}

struct names *names_new(struct arena *arena, size_t expected)
{
    struct names *names = arena_alloc(arena, sizeof(*names));
    size_t capacity = 8;
    while (capacity < expected * 2)
        capacity *= 2;
    names->arena = arena;
    names->mask = capacity - 1;
    names->entries = arena_alloc(arena, capacity * sizeof(struct entry));
    return names;
}

static struct entry *find_entry(const struct names *names, const char *name)
{
    size_t at = hash_name(name) & names->mask;
    while (names->entries[at].name && g_ascii_strcasecmp(names->entries[at].name, name) != 0)
        at = (at + 1) & names->mask;
    return &names->entries[at];
}

static void grow(struct names *names)
{
    struct names *larger = names_new(names->arena, names->mask + 1);
    for (size_t i = 0; i <= names->mask; i++)
        if (names->entries[i].name)
            *find_entry(larger, names->entries[i].name) = names->entries[i];
    names->mask = larger->mask;
    names->entries = larger->entries;
}

bool names_add(struct names *names, const char *name, size_t index)
{
    if ((names->used + 1) * 2 > names->mask)
        grow(names);
    struct entry *entry = find_entry(names, name);
    bool fresh = !entry->name;
    names->used += fresh;
    entry->name = name;
    entry->index = index;
    return fresh;
}

bool names_find(const struct names *names, const char *name, size_t *ret_index)
{
    const struct entry *entry = find_entry(names, name);
    if (!entry->name)
        return false;
    *ret_index = entry->index;
    return true;
}

/* ---- API versions ---- */

static bool is_between(const char *digits, int least, int most)
{
    int number = (digits[0] - '0') * 10 + (digits[1] - '0');
    return number >= least && number <= most;
}

bool api_version_is_well_formed(const char *text)
{
    static const char shape[] = "0000-00-00";
    for (size_t i = 0; shape[i]; i++)
        if (shape[i] == '0' ? !g_ascii_isdigit(text[i]) : text[i] != shape[i])
            return false;
    if (!is_between(text + 5, 1, 12) || !is_between(text + 8, 1, 31))
        return false;
    text += strlen(shape);
    if (!*text)
        return true;
    if (*text++ != '-' || !g_ascii_isalpha(*text))
        return false;
    while (g_ascii_isalnum(*text) || *text == '.')
        text++;
    return !*text;
}
