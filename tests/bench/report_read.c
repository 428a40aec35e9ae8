/* Reads results and judges them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "rollbook/json.h"

#define NOISY 1.5    /* median by minimum of a floor: more says that something else was running */
#define LENIENT 1.25 /* times are never exact */

/* ---- reading -------------------------------------------------------------------------------- */

static void free_measured(gpointer data)
{
    struct measured *row = data;

    for (size_t i = 0; i < G_N_ELEMENTS(row->times); i++) {
        if (!row->times[i].seconds)
            continue;
        bench_samples_clear(&row->times[i]);
        bench_samples_clear(&row->busy[i]);
    }
    g_free(row->missing);
    g_free(row);
}

static void free_growth(gpointer data)
{
    struct growth *growth = data;

    g_free(growth->what);
    g_free(growth->of);
    g_array_unref(growth->points);
    g_free(growth);
}

static struct measured *find(struct report *report, const char *id, int64_t count)
{
    const struct bench_row_kind *kind = bench_row_find(id);

    if (!kind)
        bench_ok(roll_error_new(ROLL_E_INVALID, "there is no row '%s'", id));
    for (guint i = 0; i < report->rows->len; i++) {
        struct measured *row = g_ptr_array_index(report->rows, i);
        if (row->kind == kind && row->count == count)
            return row;
    }
    struct measured *row = g_new0(struct measured, 1);
    row->kind = kind;
    row->count = count;
    g_ptr_array_add(report->rows, row);
    return row;
}

/* hyperfine's: the file's name says the row and its size. */
static void read_export(struct report *report, const char *path, const json_t *results)
{
    g_autofree char *name = g_path_get_basename(path);
    g_auto(GStrv) parts = g_strsplit(name, ".", 4);

    if (g_strv_length(parts) != 4)
        bench_ok(roll_error_new(ROLL_E_INVALID, "'%s' is not called ROW.COUNT.ROUND.json", path));
    struct measured *row = find(report, parts[0], g_ascii_strtoll(parts[1], NULL, 10));
    for (size_t command = 0; command < json_array_size(results) && command < 2; command++) {
        const json_t *result = json_array_get(results, command);
        const json_t *times = json_object_get(result, "times");
        if (!row->times[command].seconds) {
            bench_samples_init(&row->times[command]);
            bench_samples_init(&row->busy[command]);
        }
        bench_samples_add(&row->busy[command],
                          json_number_value(json_object_get(result, "user")) +
                              json_number_value(json_object_get(result, "system")));
        for (size_t i = 0; i < json_array_size(times); i++)
            bench_samples_add(&row->times[command], json_number_value(json_array_get(times, i)));
    }
}

static struct figure read_figure(const json_t *value)
{
    return (struct figure){.median = json_number_value(json_object_get(value, "median")),
                           .min = json_number_value(json_object_get(value, "min")),
                           .runs = (int)json_integer_value(json_object_get(value, "runs"))};
}

static void read_row(struct report *report, const json_t *line)
{
    const char *id = roll_json_get_string(line, "id");
    struct measured *row =
        find(report, id ? id : "", json_integer_value(json_object_get(line, "count")));

    row->figure = read_figure(json_object_get(line, "figure"));
    row->floor = read_figure(json_object_get(line, "floor"));
    row->fixed_ratio = json_number_value(json_object_get(line, "ratio"));
    row->missing = g_strdup(roll_json_get_string(line, "missing"));
}

static void read_growth(struct report *report, const json_t *line)
{
    const json_t *points = json_object_get(line, "points");
    struct growth *growth = g_new0(struct growth, 1);

    growth->what = g_strdup(roll_json_get_string(line, "growth"));
    growth->of = g_strdup(roll_json_get_string(line, "of"));
    growth->points = g_array_new(FALSE, FALSE, sizeof(struct growth_point));
    for (size_t i = 0; i < json_array_size(points); i++) {
        const json_t *point = json_array_get(points, i);
        const struct growth_point value = {json_number_value(json_array_get(point, 0)),
                                           json_number_value(json_array_get(point, 1))};
        g_array_append_val(growth->points, value);
    }
    if (!growth->of || growth->points->len < 2)
        bench_ok(roll_error_new(ROLL_E_INVALID, "'%s' has fewer than two sizes", growth->what));
    g_ptr_array_add(report->growth, growth);
}

static void read_lines(struct report *report, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++) {
        roll_auto(json) json_t *value = NULL;
        if (!**line)
            continue;
        bench_ok(roll_json_parse(*line, strlen(*line), ROLL_JSON_STRICT, &value));
        if (json_object_get(value, "growth"))
            read_growth(report, value);
        else
            read_row(report, value);
    }
}

void report_read(struct report *report, const char *path)
{
    g_autofree char *text = NULL;
    roll_auto(json) json_t *value = NULL;
    gsize size = 0;

    if (!report->rows)
        *report = (struct report){g_ptr_array_new_with_free_func(free_measured),
                                  g_ptr_array_new_with_free_func(free_growth)};
    if (!g_file_get_contents(path, &text, &size, NULL))
        bench_ok(roll_error_new(ROLL_E_NOT_FOUND, "cannot read '%s'", path));
    roll_error_free(roll_json_parse(text, size, ROLL_JSON_STRICT, &value));
    if (json_object_get(value, "results"))
        read_export(report, path, json_object_get(value, "results"));
    else
        read_lines(report, text);
}

/* ---- judging -------------------------------------------------------------------------------- */

static struct figure summary(const struct bench_samples *samples)
{
    return (struct figure){bench_samples_median(samples), bench_samples_min(samples),
                           (int)samples->seconds->len};
}

static void sum_up_row(struct measured *row)
{
    if (row->times[0].seconds && row->times[1].seconds) {
        row->floor = summary(&row->times[0]);
        row->figure = summary(&row->times[1]);
        row->busy_ratio = bench_samples_median(&row->busy[1]) / bench_samples_median(&row->busy[0]);
    }
    if (row->floor.runs > 0) {
        row->ratio = row->figure.median / row->floor.median;
        row->best = row->figure.min / row->floor.min;
    }
    if (row->fixed_ratio > 0)
        row->ratio = row->best = row->fixed_ratio;
}

static void sum_up_growth(struct growth *growth)
{
    const struct growth_point *last =
        &g_array_index(growth->points, struct growth_point, growth->points->len - 1);
    const struct growth_point *before = last - 1;

    growth->times = last->seconds / before->seconds;
    growth->allowed = last->size * log(last->size) / (before->size * log(before->size));
    growth->exponent = log(growth->times) / log(last->size / before->size);
}

static int by_table(const void *a, const void *b)
{
    const struct measured *left = *(struct measured *const *)a,
                          *right = *(struct measured *const *)b;

    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    return left->count < right->count ? -1 : left->count > right->count;
}

void report_sum_up(struct report *report)
{
    for (guint i = 0; i < report->rows->len; i++)
        sum_up_row(g_ptr_array_index(report->rows, i));
    for (guint i = 0; i < report->growth->len; i++)
        sum_up_growth(g_ptr_array_index(report->growth, i));
    g_ptr_array_sort(report->rows, by_table);
}

bool report_is_good(const struct measured *row)
{
    const struct bench_row_kind *kind = row->kind;

    switch (kind->bound) {
    case BENCH_AT_MOST:
    case BENCH_FACTOR:
        return row->ratio <= kind->limit;
    case BENCH_AT_LEAST:
        return 1 / row->ratio >= kind->limit &&
               (double)row->count / row->figure.median >= kind->at_least_per_second;
    case BENCH_FASTER:
        return 1 / row->ratio >= kind->limit;
    default:
        return row->figure.median <= kind->limit;
    }
}

bool report_is_noisy(const struct measured *row)
{
    const struct figure *steady = row->floor.runs > 0 ? &row->floor : &row->figure;

    if (row->fixed_ratio > 0) /* its samples are of different things */
        return false;
    return steady->median > NOISY * steady->min;
}

bool report_grows_well(const struct growth *growth)
{
    return growth->times <= growth->allowed * LENIENT;
}
