/* bench-report [--json FILE] RESULT…: one table out of what was measured.
 *
 * A RESULT holds lines of JSON as bench_row writes them, or is hyperfine's export ROW.N.json of two
 * commands, the floor and this program. Several exports of one row are taken together. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "rollbook/json.h"
#include "rows.h"

#define NOISY 1.5 /* median by minimum of a floor: more says that something else was running */

struct figure {
    double median, min; /* seconds */
    int runs;
};

struct measured {
    struct bench_samples times[2]; /* of hyperfine: floor, this program */
    struct figure figure, floor;
    double ratio, best; /* of the medians, of the minima; 0: no floor */
    double fixed_ratio; /* given by the program that measured, or 0 */
    int64_t count;
    bool seen;
};

/* ---- reading -------------------------------------------------------------------------------- */

static struct measured *find(struct measured *all, const char *id)
{
    for (size_t i = 0; i < bench_row_count; i++)
        if (strcmp(bench_rows[i].id, id) == 0)
            return &all[i];
    bench_ok(roll_error_new(ROLL_E_INVALID, "there is no row '%s'", id));
    return NULL;
}

static void add_times(struct measured *row, const json_t *results)
{
    for (size_t command = 0; command < json_array_size(results) && command < 2; command++) {
        const json_t *times = json_object_get(json_array_get(results, command), "times");
        if (!row->times[command].seconds)
            bench_samples_init(&row->times[command]);
        for (size_t i = 0; i < json_array_size(times); i++)
            bench_samples_add(&row->times[command], json_number_value(json_array_get(times, i)));
    }
    row->seen = true;
    row->count = 1;
}

static struct figure read_figure(const json_t *value)
{
    return (struct figure){.median = json_number_value(json_object_get(value, "median")),
                           .min = json_number_value(json_object_get(value, "min")),
                           .runs = (int)json_integer_value(json_object_get(value, "runs"))};
}

static void read_line(struct measured *all, const json_t *line)
{
    const char *id = roll_json_get_string(line, "id");
    struct measured *row = find(all, id ? id : "");

    row->seen = true;
    row->count = json_integer_value(json_object_get(line, "count"));
    row->figure = read_figure(json_object_get(line, "figure"));
    row->floor = read_figure(json_object_get(line, "floor"));
    row->fixed_ratio = json_number_value(json_object_get(line, "ratio"));
}

static void read_lines(struct measured *all, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++) {
        roll_auto(json) json_t *value = NULL;
        if (!**line)
            continue;
        bench_ok(roll_json_parse(*line, strlen(*line), ROLL_JSON_STRICT, &value));
        read_line(all, value);
    }
}

static void read_result(struct measured *all, const char *path)
{
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *text = NULL;
    roll_auto(json) json_t *value = NULL;
    gsize size = 0;

    if (!g_file_get_contents(path, &text, &size, NULL))
        bench_ok(roll_error_new(ROLL_E_NOT_FOUND, "cannot read '%s'", path));
    roll_error_free(roll_json_parse(text, size, ROLL_JSON_STRICT, &value));
    if (!json_object_get(value, "results")) {
        read_lines(all, text);
        return;
    }
    *strchrnul(name, '.') = '\0';
    add_times(find(all, name), json_object_get(value, "results"));
}

/* ---- judging -------------------------------------------------------------------------------- */

static struct figure summary(const struct bench_samples *samples)
{
    return (struct figure){bench_samples_median(samples), bench_samples_min(samples),
                           (int)samples->seconds->len};
}

static void sum_up(struct measured *row)
{
    if (row->times[0].seconds) {
        row->floor = summary(&row->times[0]);
        row->figure = summary(&row->times[1]);
    }
    if (row->floor.runs > 0) {
        row->ratio = row->figure.median / row->floor.median;
        row->best = row->figure.min / row->floor.min;
    }
    if (row->fixed_ratio > 0)
        row->ratio = row->best = row->fixed_ratio;
}

static bool is_good(const struct bench_row_kind *kind, const struct measured *row)
{
    switch (kind->bound) {
    case BENCH_AT_MOST:
        return row->ratio <= kind->limit;
    case BENCH_AT_LEAST:
        return 1 / row->ratio >= kind->limit &&
               (double)row->count / row->figure.median >= kind->at_least_per_second;
    case BENCH_SLOWER:
        return row->ratio >= kind->limit;
    default:
        return row->figure.median <= kind->limit;
    }
}

static bool is_noisy(const struct measured *row)
{
    const struct figure *steady = row->floor.runs > 0 ? &row->floor : &row->figure;

    if (row->fixed_ratio > 0) /* its samples are of different things */
        return false;
    return steady->median > NOISY * steady->min;
}

/* ---- showing -------------------------------------------------------------------------------- */

static char *show_figure(const struct bench_row_kind *kind, const struct measured *row,
                         const struct figure *figure)
{
    if (figure->runs == 0)
        return g_strdup("-");
    if (kind->things)
        return g_strdup_printf("%.0f %s/s", (double)row->count / figure->median, kind->things);
    if (kind->bound == BENCH_MEMORY)
        return g_strdup_printf("%.0f MB", figure->median);
    return figure->median < 10 ? g_strdup_printf("%.2f ms", figure->median * 1e3)
                               : g_strdup_printf("%.1f s", figure->median);
}

static char *show_ratio(const struct bench_row_kind *kind, double ratio)
{
    if (ratio <= 0)
        return g_strdup("-");
    if (kind->bound == BENCH_AT_LEAST)
        return g_strdup_printf("%.0f %%", 100 / ratio);
    return g_strdup_printf("%.2f x", ratio);
}

static char *show_bound(const struct bench_row_kind *kind)
{
    if (kind->bound == BENCH_AT_MOST)
        return g_strdup_printf("at most %.1f x", kind->limit);
    if (kind->bound == BENCH_SLOWER)
        return g_strdup_printf("at least %.0f x", kind->limit);
    if (kind->bound == BENCH_MEMORY)
        return g_strdup_printf("at most %.0f MB", kind->limit);
    if (kind->bound == BENCH_WITHIN)
        return kind->limit < 10 ? g_strdup_printf("at most %.0f ms", kind->limit * 1e3)
                                : g_strdup_printf("at most %.0f s", kind->limit);
    if (kind->at_least_per_second > 0)
        return g_strdup_printf("at least %.0f %%, %.0f/s", kind->limit * 100,
                               kind->at_least_per_second);
    return g_strdup_printf("at least %.0f %%", kind->limit * 100);
}

static void print_row(const struct bench_row_kind *kind, const struct measured *row)
{
    g_autofree char *figure = show_figure(kind, row, &row->figure);
    g_autofree char *floor = show_figure(kind, row, &row->floor);
    g_autofree char *ratio = show_ratio(kind, row->ratio);
    g_autofree char *best = show_ratio(kind, row->best);
    g_autofree char *bound = show_bound(kind);

    printf("%-58s %17s %17s %8s %8s  %-22s %s%s\n", kind->what, figure, floor, ratio, best, bound,
           is_good(kind, row) ? "ok" : "MISSED", is_noisy(row) ? " (noisy machine)" : "");
}

static json_t *figure_json(const struct figure *figure)
{
    if (figure->runs == 0)
        return json_null();
    return json_pack("{s:f,s:f,s:i}", "medianSeconds", figure->median, "minSeconds", figure->min,
                     "runs", figure->runs);
}

static json_t *row_json(const struct bench_row_kind *kind, const struct measured *row)
{
    g_autofree char *bound = show_bound(kind);

    return json_pack("{s:s,s:s,s:I,s:o,s:o,s:f,s:f,s:s,s:b,s:b}", "row", kind->id, "what",
                     kind->what, "count", (json_int_t)row->count, "figure",
                     figure_json(&row->figure), "floor", figure_json(&row->floor), "ratio",
                     row->ratio, "ratioOfMinima", row->best, "bound", bound, "ok",
                     is_good(kind, row), "noisy", is_noisy(row));
}

static void write_json(const char *path, const struct measured *all)
{
    roll_auto(json) json_t *list = json_array();
    g_autoptr(GString) text = g_string_new(NULL);

    for (size_t i = 0; i < bench_row_count; i++)
        if (all[i].seen)
            json_array_append_new(list, row_json(&bench_rows[i], &all[i]));
    roll_json_write_pretty(list, text);
    g_string_append_c(text, '\n');
    if (!g_file_set_contents(path, text->str, (gssize)text->len, NULL))
        bench_ok(roll_error_new(ROLL_E_IO, "cannot write '%s'", path));
}

static void print_all(struct measured *all)
{
    size_t missed = 0;

    printf("%-58s %17s %17s %8s %8s  %s\n", "WHAT", "FIGURE", "FLOOR", "RATIO", "BEST", "BOUND");
    for (size_t i = 0; i < bench_row_count; i++) {
        if (!all[i].seen)
            continue;
        print_row(&bench_rows[i], &all[i]);
        missed += !is_good(&bench_rows[i], &all[i]);
    }
    printf("figures and ratios are medians; BEST compares the fastest runs; %zu missed\n", missed);
}

int main(int argc, char **argv)
{
    struct measured *all = g_new0(struct measured, bench_row_count);
    const char *json = NULL;
    int first = 1;

    if (argc > 2 && strcmp(argv[1], "--json") == 0) {
        json = argv[2];
        first = 3;
    }
    if (first >= argc) {
        fprintf(stderr, "usage: bench-report [--json FILE] RESULT…\n");
        return 2;
    }
    for (int i = first; i < argc; i++)
        read_result(all, argv[i]);
    for (size_t i = 0; i < bench_row_count; i++)
        sum_up(&all[i]);
    print_all(all);
    if (json)
        write_json(json, all);
    for (size_t i = 0; i < bench_row_count; i++)
        for (int k = 0; k < 2; k++)
            if (all[i].times[k].seconds)
                bench_samples_clear(&all[i].times[k]);
    g_free(all);
    return 0;
}
