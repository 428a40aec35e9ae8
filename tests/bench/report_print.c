/* Shows results: aligned tables for people, a document for programs. */
#include <stdio.h>
#include <string.h>

#include "report.h"

/* ---- words ---------------------------------------------------------------------------------- */

/* 1234567 as 1,234,567 */
static char *grouped(double value)
{
    GString *text = g_string_new(NULL);

    g_string_printf(text, "%.0f", value);
    for (gssize at = (gssize)text->len - 3; at > 0; at -= 3)
        g_string_insert_c(text, at, ',');
    return g_string_free(text, FALSE);
}

static char *show_seconds(double seconds)
{
    return seconds < 1 ? g_strdup_printf("%.2f ms", seconds * 1e3)
                       : g_strdup_printf("%.2f s", seconds);
}

char *report_title(const struct measured *row)
{
    g_autofree char *count = grouped((double)row->count);

    if (!row->kind->sized || row->count < 2)
        return g_strdup(row->kind->what);
    return g_strdup_printf("%s, %s %s", row->kind->what, count, row->kind->sized);
}

static char *show_figure(const struct measured *row, const struct figure *figure)
{
    enum bench_bound bound = row->kind->bound;

    if (figure->runs == 0)
        return g_strdup("-");
    if (row->kind->things) {
        g_autofree char *speed = grouped((double)row->count / figure->median);
        return g_strdup_printf("%s %s/s", speed, row->kind->things);
    }
    if (bound == BENCH_MEMORY || bound == BENCH_FACTOR)
        return g_strdup_printf("%.1f MB", figure->median);
    return show_seconds(figure->median);
}

static char *show_ratio(const struct bench_row_kind *kind, double ratio)
{
    if (ratio <= 0)
        return g_strdup("-");
    if (kind->bound == BENCH_AT_LEAST)
        return g_strdup_printf("%.0f %%", 100 / ratio);
    if (kind->bound == BENCH_FASTER)
        return g_strdup_printf("1/%.0f x", 1 / ratio);
    return g_strdup_printf("%.2f x", ratio);
}

char *report_bound(const struct bench_row_kind *kind)
{
    switch (kind->bound) {
    case BENCH_AT_MOST:
        return g_strdup_printf("at most %.1f x", kind->limit);
    case BENCH_FACTOR:
        return g_strdup_printf("at most %.0f x", kind->limit);
    case BENCH_FASTER:
        return g_strdup_printf("at most 1/%.0f x", kind->limit);
    case BENCH_MEMORY:
        return g_strdup_printf("at most %.0f MB", kind->limit);
    case BENCH_WITHIN:
        return kind->limit < 1 ? g_strdup_printf("at most %.0f ms", kind->limit * 1e3)
                               : g_strdup_printf("at most %.0f s", kind->limit);
    default:
        break;
    }
    g_autofree char *speed = grouped(kind->at_least_per_second);
    if (kind->at_least_per_second > 0)
        return g_strdup_printf("at least %.0f %%, %s/s", kind->limit * 100, speed);
    return g_strdup_printf("at least %.0f %%", kind->limit * 100);
}

/* ---- the table ------------------------------------------------------------------------------ */

static void print_row(const struct measured *row, int width)
{
    g_autofree char *title = report_title(row);
    g_autofree char *figure = show_figure(row, &row->figure);
    g_autofree char *floor = show_figure(row, &row->floor);
    g_autofree char *ratio = show_ratio(row->kind, row->ratio);
    g_autofree char *best = show_ratio(row->kind, row->best);
    g_autofree char *busy = show_ratio(row->kind, row->busy_ratio);
    g_autofree char *bound = report_bound(row->kind);

    if (row->missing)
        printf("%-*s %17s %17s %8s %8s %8s  %-22s not measured: %s\n", width, title, "-", "-", "-",
               "-", "-", bound, row->missing);
    else
        printf("%-*s %17s %17s %8s %8s %8s  %-22s %s%s\n", width, title, figure, floor, ratio, best,
               busy, bound, report_is_good(row) ? "ok" : "MISSED",
               report_is_noisy(row) ? " (noisy machine)" : "");
}

static void print_rows(const GPtrArray *rows)
{
    size_t width = 0, missed = 0, missing = 0;

    for (guint i = 0; i < rows->len; i++) {
        g_autofree char *title = report_title(g_ptr_array_index(rows, i));
        width = MAX(width, strlen(title));
    }
    printf("%-*s %17s %17s %8s %8s %8s  %-22s %s\n", (int)width, "WHAT", "ROLL", "FLOOR OR PEER",
           "RATIO", "BEST", "CPU", "BOUND", "VERDICT");
    for (guint i = 0; i < rows->len; i++) {
        const struct measured *row = g_ptr_array_index(rows, i);
        print_row(row, (int)width);
        missing += row->missing != NULL;
        missed += !row->missing && !report_is_good(row);
    }
    printf("figures and ratios are medians; BEST compares the fastest runs, CPU the seconds of "
           "processors; %zu missed, %zu not "
           "measured\n",
           missed, missing);
}

/* ---- growth --------------------------------------------------------------------------------- */

static void print_sizes(const struct growth *growth)
{
    g_autofree char *title = g_strdup_printf("GROWTH WITH %s", growth->of);
    g_autofree char *upper = g_ascii_strup(title, -1);

    printf("\n%-30s", upper);
    for (guint i = 0; i < growth->points->len; i++) {
        g_autofree char *size = grouped(g_array_index(growth->points, struct growth_point, i).size);
        printf(" %11s", size);
    }
    for (guint i = growth->points->len; i < 4; i++)
        printf(" %11s", "");
    printf(" %9s %9s %9s  %s\n", "TIMES", "N LOG N", "EXPONENT", "VERDICT");
}

static void print_growth(const GPtrArray *all)
{
    for (guint i = 0; i < all->len; i++) {
        const struct growth *growth = g_ptr_array_index(all, i);
        const struct growth *before = i ? g_ptr_array_index(all, i - 1) : NULL;
        if (!before || strcmp(before->of, growth->of) != 0)
            print_sizes(growth);
        printf("%-30s", growth->what);
        for (guint k = 0; k < growth->points->len; k++) {
            g_autofree char *took =
                show_seconds(g_array_index(growth->points, struct growth_point, k).seconds);
            printf(" %11s", took);
        }
        for (guint k = growth->points->len; k < 4; k++)
            printf(" %11s", "");
        printf(" %7.2f x %7.2f x %9.2f  %s\n", growth->times, growth->allowed, growth->exponent,
               report_grows_well(growth) ? "ok" : "WORSE THAN n log n");
    }
    if (all->len)
        printf("processor time of the cheapest runs; TIMES is the last size by the one before it, "
               "N LOG N what it may be "
               "(a quarter more\nis noise), EXPONENT 0 no growth at all, 1 in proportion\n");
}

void report_print(const struct report *report)
{
    if (report->rows->len)
        print_rows(report->rows);
    print_growth(report->growth);
}

/* ---- for programs --------------------------------------------------------------------------- */

static json_t *figure_json(enum bench_bound bound, const struct figure *figure)
{
    bool memory = bound == BENCH_MEMORY || bound == BENCH_FACTOR;

    if (figure->runs == 0)
        return json_null();
    return json_pack("{s:f,s:f,s:i}", memory ? "medianMegabytes" : "medianSeconds", figure->median,
                     memory ? "minMegabytes" : "minSeconds", figure->min, "runs", figure->runs);
}

static json_t *number_or_null(double value)
{
    return value > 0 ? json_real(value) : json_null();
}

static json_t *row_json(const struct measured *row)
{
    g_autofree char *bound = report_bound(row->kind);
    g_autofree char *title = report_title(row);
    json_t *json = json_pack("{s:s,s:s,s:I,s:s}", "row", row->kind->id, "what", title, "count",
                             (json_int_t)row->count, "bound", bound);

    if (row->missing) {
        json_object_set_new(json, "missing", json_string(row->missing));
        return json;
    }
    json_object_set_new(json, "figure", figure_json(row->kind->bound, &row->figure));
    json_object_set_new(json, "floor", figure_json(row->kind->bound, &row->floor));
    json_object_set_new(json, "ratio", number_or_null(row->ratio));
    json_object_set_new(json, "ratioOfMinima", number_or_null(row->best));
    json_object_set_new(json, "ratioOfProcessorTimes", number_or_null(row->busy_ratio));
    json_object_set_new(json, "ok", json_boolean(report_is_good(row)));
    json_object_set_new(json, "noisy", json_boolean(report_is_noisy(row)));
    return json;
}

static json_t *growth_json(const struct growth *growth)
{
    json_t *points = json_array();

    for (guint i = 0; i < growth->points->len; i++) {
        const struct growth_point *point = &g_array_index(growth->points, struct growth_point, i);
        json_array_append_new(points, json_pack("{s:I,s:f}", "size", (json_int_t)point->size,
                                                "minSeconds", point->seconds));
    }
    return json_pack("{s:s,s:s,s:o,s:f,s:f,s:f,s:b}", "what", growth->what, "of", growth->of,
                     "points", points, "times", growth->times, "nLogN", growth->allowed, "exponent",
                     growth->exponent, "ok", report_grows_well(growth));
}

json_t *report_json(const struct report *report)
{
    json_t *rows = json_array(), *growth = json_array();

    for (guint i = 0; i < report->rows->len; i++)
        json_array_append_new(rows, row_json(g_ptr_array_index(report->rows, i)));
    for (guint i = 0; i < report->growth->len; i++)
        json_array_append_new(growth, growth_json(g_ptr_array_index(report->growth, i)));
    return json_pack("{s:o,s:o}", "rows", rows, "growth", growth);
}
