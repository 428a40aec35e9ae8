/* Reading fault SPECs and deciding, by counting and from a seed alone, when each strikes: the same
 * requests meet the same faults. */
#include "sandbox/faults.h"

#include <glib.h>
#include <string.h>

enum fault_kind {
    FAULT_FAIL,
    FAULT_STATUS,
    FAULT_LATER,
    FAULT_DELAY,
    FAULT_DROP,
    FAULT_LOST,
    FAULT_TRUNCATE,
    FAULT_TWICE,
    FAULT_RETRY_AFTER,
    FAULT_POLL,
    FAULT_SEED,
};

struct fault {
    enum fault_kind kind;
    char *method; /* or NULL: any */
    char *part;   /* of the path in lower case, or the resource type */
    char *value;  /* of Retry-After, or NULL */
    int64_t number;
    int64_t left;    /* -1: every time */
    int64_t percent; /* 0: by left */
    uint64_t met;    /* how often it could have struck */
};

struct sandbox_faults {
    GPtrArray *list;
    uint64_t seed;
};

static void fault_free(void *data)
{
    struct fault *fault = data;
    g_free(fault->method);
    g_free(fault->part);
    g_free(fault->value);
    g_free(fault);
}

/* The words of a SPEC by kind: n a number, v any text, m a method, p a path part or type, c an
 * optional count, C one that must be there. */
static const struct {
    const char *name;
    enum fault_kind kind;
    const char *words;
} shapes[] = {
    {"fail", FAULT_FAIL, "pc"},
    {"status", FAULT_STATUS, "nmpc"},
    {"later", FAULT_LATER, "nmpc"},
    {"delay", FAULT_DELAY, "nmpc"},
    {"drop", FAULT_DROP, "mpc"},
    {"lost", FAULT_LOST, "mpc"},
    {"truncate", FAULT_TRUNCATE, "mpc"},
    {"twice", FAULT_TWICE, "mpc"},
    {"retry-after", FAULT_RETRY_AFTER, "vmpc"},
    {"404-poll", FAULT_POLL, "C"},
    {"seed", FAULT_SEED, "n"},
};

static bool read_number(const char *text, int64_t *ret_number)
{
    guint64 number;
    if (!g_ascii_string_to_unsigned(text, 10, 0, 1000000000, &number, NULL))
        return false;
    *ret_number = (int64_t)number;
    return true;
}

/* 3, or 20%. */
static bool read_count(struct fault *fault, const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || text[length - 1] != '%')
        return read_number(text, &fault->left);
    g_autofree char *percent = g_strndup(text, length - 1);
    return read_number(percent, &fault->percent) && fault->percent >= 1 && fault->percent <= 100;
}

static bool read_word(struct fault *fault, char shape, const char *text)
{
    switch (shape) {
    case 'n':
        return read_number(text, &fault->number);
    case 'v':
        fault->value = g_strdup(text);
        return *text != '\0';
    case 'm':
        fault->method = strcmp(text, "*") == 0 ? NULL : g_ascii_strup(text, -1);
        return *text != '\0';
    case 'p':
        fault->part = g_ascii_strdown(text, -1);
        return *text != '\0';
    default:
        return read_count(fault, text);
    }
}

static bool read_words(struct fault *fault, const char *shape, char **words)
{
    for (; *shape; shape++) {
        if (!*words)
            return *shape == 'c';
        if (!read_word(fault, *shape, *words++))
            return false;
    }
    return !*words;
}

static struct roll_error *read_spec(const char *spec, GPtrArray *list)
{
    const char *equals = strchr(spec, '=');
    size_t length = equals ? (size_t)(equals - spec) : strlen(spec);
    for (size_t i = 0; equals && i < G_N_ELEMENTS(shapes); i++) {
        if (strlen(shapes[i].name) != length || strncmp(shapes[i].name, spec, length) != 0)
            continue;
        struct fault *fault = g_new0(struct fault, 1);
        g_ptr_array_add(list, fault);
        fault->kind = shapes[i].kind;
        fault->left = -1;
        g_auto(GStrv) words = g_strsplit(equals + 1, ":", -1);
        bool status_ok = read_words(fault, shapes[i].words, words) &&
                         ((fault->kind != FAULT_STATUS && fault->kind != FAULT_LATER) ||
                          (fault->number >= 300 && fault->number <= 599));
        if (status_ok)
            return NULL;
    }
    return roll_error_new(
        ROLL_E_USAGE,
        "fault '%s' is not understood: expected fail=TYPE, status=CODE:METHOD:PATHPART, "
        "later=CODE:METHOD:PATHPART, delay=MS:METHOD:PATHPART, retry-after=VALUE:METHOD:PATHPART, "
        "drop=, lost=, truncate= or "
        "twice=METHOD:PATHPART (each with an optional :COUNT or :N%%), 404-poll=COUNT or seed=N",
        spec);
}

struct roll_error *sandbox_faults_new(const char *const *specs, struct sandbox_faults **ret_faults)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(fault_free);
    for (; specs && *specs; specs++)
        ROLL_TRY(read_spec(*specs, list));
    struct sandbox_faults *faults = g_new0(struct sandbox_faults, 1);
    for (guint i = 0; i < list->len; i++) {
        const struct fault *fault = list->pdata[i];
        if (fault->kind == FAULT_SEED)
            faults->seed = (uint64_t)fault->number;
    }
    faults->list = g_steal_pointer(&list);
    *ret_faults = faults;
    return NULL;
}

void sandbox_faults_free(struct sandbox_faults *faults)
{
    if (!faults)
        return;
    g_ptr_array_unref(faults->list);
    g_free(faults);
}

/* SplitMix64: every number in well spread, nothing kept between calls. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static bool strike(const struct sandbox_faults *faults, guint index)
{
    struct fault *fault = faults->list->pdata[index];
    uint64_t met = fault->met++;
    if (fault->percent > 0)
        return mix(mix(mix(faults->seed) ^ index) ^ met) % 100 < (uint64_t)fault->percent;
    if (fault->left == 0)
        return false;
    if (fault->left > 0)
        fault->left--;
    return true;
}

static void add_hit(const struct fault *fault, struct sandbox_fault_hit *hit)
{
    switch (fault->kind) {
    case FAULT_STATUS:
        hit->status = hit->status ? hit->status : (int)fault->number;
        break;
    case FAULT_LATER:
        hit->later = (int)fault->number;
        break;
    case FAULT_DELAY:
        hit->delay_ms += fault->number;
        break;
    case FAULT_DROP:
        hit->drop = true;
        break;
    case FAULT_LOST:
        hit->lost = true;
        break;
    case FAULT_TRUNCATE:
        hit->truncate = true;
        break;
    case FAULT_TWICE:
        hit->twice = true;
        break;
    default:
        hit->retry_after = fault->value;
    }
}

static bool is_of_requests(const struct fault *fault)
{
    return fault->kind != FAULT_FAIL && fault->kind != FAULT_POLL && fault->kind != FAULT_SEED;
}

struct sandbox_fault_hit sandbox_faults_request(struct sandbox_faults *faults, const char *method,
                                                const char *path)
{
    struct sandbox_fault_hit hit = {0};
    g_autofree char *lower = g_ascii_strdown(path, -1);
    for (guint i = 0; i < faults->list->len; i++) {
        const struct fault *fault = faults->list->pdata[i];
        if (is_of_requests(fault) && (!fault->method || strcmp(fault->method, method) == 0) &&
            strstr(lower, fault->part) && strike(faults, i))
            add_hit(fault, &hit);
    }
    return hit;
}

bool sandbox_faults_type(struct sandbox_faults *faults, const char *type)
{
    for (guint i = 0; i < faults->list->len; i++) {
        const struct fault *fault = faults->list->pdata[i];
        if (fault->kind == FAULT_FAIL && g_ascii_strcasecmp(fault->part, type) == 0 &&
            strike(faults, i))
            return true;
    }
    return false;
}

bool sandbox_faults_poll(struct sandbox_faults *faults)
{
    for (guint i = 0; i < faults->list->len; i++) {
        const struct fault *fault = faults->list->pdata[i];
        if (fault->kind == FAULT_POLL && strike(faults, i))
            return true;
    }
    return false;
}
