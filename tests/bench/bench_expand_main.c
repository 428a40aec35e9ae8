/* bench-expand [-v] FOLDER [ROW…]: what reading and expanding a template costs above jansson's
 * parse.
 *
 * FOLDER holds a folder for each template, with azuredeploy.json and azuredeploy.parameters.json;
 * without such a folder only the row of copy loops is measured. Templates that do not expand with
 * the parameters beside them (placeholders) are left out and counted on standard error. The floor
 * parses the same template as strict text: jansson reads no comments. */
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "rollbook/json.h"
#include "rollbook/template.h"

enum { RUNS = 15, COPIES = 8, EACH = 100 };

struct sample {
    char *name, *text;
    gsize size;
    GString *strict;
    json_t *parameters;
};

/* ---- work ----------------------------------------------------------------------------------- */

static struct roll_error *expand(const struct sample *sample)
{
    roll_auto(template) struct roll_template *tmpl = NULL;
    roll_auto(expansion) struct roll_expansion *expansion = NULL;

    ROLL_TRY(roll_template_read(sample->text, sample->size, sample->name, &tmpl));
    const struct roll_template_input input = {.context = {.scope = roll_template_scope(tmpl)},
                                              .parameters = sample->parameters};
    return roll_template_expand(tmpl, &input, &expansion);
}

static void time_sample(const struct sample *sample, struct bench_samples *figure,
                        struct bench_samples *floor)
{
    bench_samples_init(figure);
    bench_samples_init(floor);
    for (int run = 0; run < RUNS; run++) {
        double start = bench_busy();
        json_t *value = json_loadb(sample->strict->str, sample->strict->len, 0, NULL);
        json_decref(value);
        double middle = bench_busy();
        bench_ok(expand(sample));
        bench_samples_add(floor, middle - start);
        bench_samples_add(figure, bench_busy() - middle);
    }
}

/* ---- samples -------------------------------------------------------------------------------- */

static void sample_clear(struct sample *sample)
{
    g_free(sample->name);
    g_free(sample->text);
    if (sample->strict)
        g_string_free(sample->strict, TRUE);
    json_decref(sample->parameters);
}

static struct roll_error *read_parameters(const char *folder, struct sample *sample)
{
    g_autofree char *path = g_build_filename(folder, "azuredeploy.parameters.json", NULL);
    g_autofree char *text = NULL;
    gsize size = 0;

    if (!g_file_get_contents(path, &text, &size, NULL))
        return NULL;
    return roll_parameters_read(text, size, path, &sample->parameters);
}

/* ROLL_E_NOT_FOUND: no template there. */
static struct roll_error *sample_read(const char *folder, struct sample *sample)
{
    g_autofree char *path = g_build_filename(folder, "azuredeploy.json", NULL);

    *sample = (struct sample){.name = g_path_get_basename(folder)};
    if (!g_file_get_contents(path, &sample->text, &sample->size, NULL))
        return roll_error_new(ROLL_E_NOT_FOUND, "no template in '%s'", folder);
    ROLL_TRY(roll_json_read(sample->text, sample->size, ROLL_JSON_ARM, &sample->strict));
    ROLL_TRY(read_parameters(folder, sample));
    return expand(sample);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct sample *)a)->name, ((const struct sample *)b)->name);
}

static GArray *read_corpus(const char *folder)
{
    GArray *samples = g_array_new(FALSE, FALSE, sizeof(struct sample));
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    int left_out = 0;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        struct sample sample;
        struct roll_error *err = sample_read(path, &sample);
        if (!err) {
            g_array_append_val(samples, sample);
            continue;
        }
        left_out += roll_error_code(err) != ROLL_E_NOT_FOUND;
        roll_error_free(err);
        sample_clear(&sample);
    }
    g_array_sort(samples, by_name);
    if (samples->len == 0)
        fprintf(stderr, "no templates in '%s'\n", folder);
    else
        fprintf(stderr, "%u templates, %d left out\n", samples->len, left_out);
    return samples;
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* The median of all templates' ratios; the times are the medians of the templates' medians. */
static void measure_corpus(const GArray *samples, bool verbose)
{
    struct bench_samples ratios, figures, floors;

    bench_samples_init(&ratios);
    bench_samples_init(&figures);
    bench_samples_init(&floors);
    for (guint i = 0; i < samples->len; i++) {
        const struct sample *sample = &g_array_index(samples, struct sample, i);
        struct bench_samples figure, floor;
        time_sample(sample, &figure, &floor);
        double took = bench_samples_median(&figure), parse = bench_samples_median(&floor);
        bench_samples_add(&ratios, took / parse);
        bench_samples_add(&figures, took);
        bench_samples_add(&floors, parse);
        if (verbose)
            fprintf(stderr, "%6.2f x %8.3f ms %8zu bytes  %s\n", took / parse, took * 1e3,
                    sample->strict->len, sample->name);
        bench_samples_clear(&figure);
        bench_samples_clear(&floor);
    }
    bench_row("expand", 1, &figures, &floors, bench_samples_median(&ratios));
    bench_samples_clear(&ratios);
    bench_samples_clear(&figures);
    bench_samples_clear(&floors);
}

/* What loops make is not in the text that the floor parses. */
static void measure_one(const char *id, const struct sample *sample, bool with_floor)
{
    struct bench_samples figure, floor;

    time_sample(sample, &figure, &floor);
    bench_row(id, 1, &figure, with_floor ? &floor : NULL, 0);
    bench_samples_clear(&figure);
    bench_samples_clear(&floor);
}

static void measure_largest(const GArray *samples)
{
    const struct sample *largest = NULL;

    for (guint i = 0; i < samples->len; i++) {
        const struct sample *sample = &g_array_index(samples, struct sample, i);
        if (!largest || sample->strict->len > largest->strict->len)
            largest = sample;
    }
    if (largest)
        measure_one("expand-largest", largest, true);
}

/* 800 resources, the most that ARM takes, from eight loops. */
static void measure_copies(void)
{
    GString *text = g_string_new("{\"$schema\":\"https://schema.management.azure.com/schemas/"
                                 "2019-04-01/deploymentTemplate.json#\","
                                 "\"contentVersion\":\"1.0.0.0\",\"resources\":[");

    for (int i = 0; i < COPIES; i++)
        g_string_append_printf(
            text,
            "%s{\"type\":\"Microsoft.Storage/storageAccounts\",\"apiVersion\":\"2023-01-01\","
            "\"name\":\"[concat('store%d', copyIndex(), uniqueString(resourceGroup().id))]\","
            "\"location\":\"[resourceGroup().location]\",\"kind\":\"StorageV2\","
            "\"sku\":{\"name\":\"Standard_LRS\"},"
            "\"copy\":{\"name\":\"loop%d\",\"count\":%d},"
            "\"tags\":{\"index\":\"[string(copyIndex(1))]\",\"even\":\"[string(equals(mod("
            "copyIndex(), 2), 0))]\"},"
            "\"properties\":{\"minimumTlsVersion\":\"TLS1_2\",\"accessTier\":"
            "\"[if(less(copyIndex(), 50), 'Hot', 'Cool')]\"}}",
            i ? "," : "", i, i, EACH);
    g_string_append(text, "]}");
    struct sample sample = {.name = g_strdup("copies"), .size = text->len};
    sample.strict = g_string_new_len(text->str, (gssize)text->len);
    sample.text = g_string_free(text, FALSE);
    measure_one("expand-copies", &sample, false);
    sample_clear(&sample);
}

/* Pages that a process of its own adds while it expands the sample; NULL: while it does nothing. */
static double resident_bytes(const struct sample *sample)
{
    struct rusage usage;
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        if (sample)
            bench_ok(expand(sample));
        _exit(0);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) < 0 || status != 0)
        return 0;
    return (double)usage.ru_maxrss * 1024;
}

/* No time: the samples are megabytes, and the ratio is the largest of all templates'. The bound is
 * proved by tests/unit/test_template_memory.c. */
static void measure_memory(const GArray *samples)
{
    struct bench_samples figure;

    malloc_trim(0); /* what was freed here is no free gift there */
    double empty = resident_bytes(NULL), most = 0, bytes_of_most = 0;
    for (guint i = 0; i < samples->len; i++) {
        const struct sample *sample = &g_array_index(samples, struct sample, i);
        double bytes = resident_bytes(sample) - empty;
        double times = bytes / ((double)sample->size + (4 << 20));
        if (times <= most)
            continue;
        most = times;
        bytes_of_most = bytes;
    }
    bench_samples_init(&figure);
    bench_samples_add(&figure, bytes_of_most / (1 << 20));
    bench_row("expand-memory", 1, &figure, NULL, most);
    bench_samples_clear(&figure);
}

int main(int argc, char **argv)
{
    bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    const char *const *rows = (const char *const *)argv + 2 + verbose;

    if (argc < 2 + verbose) {
        fprintf(stderr, "usage: bench-expand [-v] FOLDER [ROW…]\n");
        return 2;
    }
    bool all = argc == 2 + verbose;
    GArray *samples = read_corpus(argv[1 + verbose]);
    if (samples->len && !all && g_strv_contains(rows, "memory"))
        measure_memory(samples);
    if (samples->len && (all || g_strv_contains(rows, "expand")))
        measure_corpus(samples, verbose);
    if (samples->len && (all || g_strv_contains(rows, "expand-largest")))
        measure_largest(samples);
    if (all || g_strv_contains(rows, "expand-copies"))
        measure_copies();
    for (guint i = 0; i < samples->len; i++)
        sample_clear(&g_array_index(samples, struct sample, i));
    g_array_unref(samples);
    return 0;
}
