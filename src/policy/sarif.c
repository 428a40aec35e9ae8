/* SARIF 2.1.0 as a gate (services reference, section 6). What cannot be read, was not run, or was
 * made for something else is not passed. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "policy/sarif.h"
#include "rollbook/json.h"

#define MEMORY_MAX ((size_t)512 << 20)

enum level { LEVEL_NONE, LEVEL_NOTE, LEVEL_WARNING, LEVEL_ERROR, LEVEL_COUNT };

static const char *const levels[LEVEL_COUNT] = {"none", "note", "warning", "error"};

struct report {
    const struct roll_sarif_options *options;
    const json_t *run; /* at hand */
    const char *tool;  /* of that run */
    int counts[LEVEL_COUNT];
    int suppressed, inconclusive, severe, failing;
    double worst; /* security-severity */
    json_t *tools;
    GString *problem; /* empty: it can be believed */
};

void sarif_doubt(GString *problem, const char *format, ...)
{
    va_list values;

    if (problem->len)
        return;
    va_start(values, format);
    g_string_vprintf(problem, format, values);
    va_end(values);
}

#define doubt(report, ...) sarif_doubt((report)->problem, __VA_ARGS__)

static enum level level_of(const char *text, enum level otherwise)
{
    for (int i = 0; text && i < LEVEL_COUNT; i++)
        if (strcmp(levels[i], text) == 0)
            return (enum level)i;
    return otherwise;
}

/* ---- rules ---------------------------------------------------------------------------------- */

static const json_t *component(const struct report *report, const json_t *result)
{
    const json_t *tool = json_object_get(report->run, "tool");
    const json_t *index =
        json_object_get(json_object_get(json_object_get(result, "rule"), "toolComponent"), "index");

    if (json_is_integer(index) && json_integer_value(index) >= 0)
        return json_array_get(json_object_get(tool, "extensions"),
                              (size_t)json_integer_value(index));
    return json_object_get(tool, "driver");
}

static const char *rule_id(const json_t *result)
{
    const char *id = roll_json_get_string(result, "ruleId");

    return id ? id : roll_json_get_string(json_object_get(result, "rule"), "id");
}

/* "A/b" is a part of rule "A". */
static bool is_rule(const json_t *rule, const char *id)
{
    const char *name = roll_json_get_string(rule, "id");
    size_t size = name ? strlen(name) : 0;

    return size > 0 && strncmp(id, name, size) == 0 && (!id[size] || id[size] == '/');
}

static const json_t *find_by_id(const json_t *rules, const char *id)
{
    size_t index;
    json_t *rule;

    json_array_foreach (rules, index, rule)
        if (is_rule(rule, id))
            return rule;
    return NULL;
}

/* Rules of modules sit there. */
static const json_t *find_in_extensions(const struct report *report, const char *id)
{
    const json_t *tool = json_object_get(report->run, "tool"), *found = NULL;
    size_t index;
    json_t *extension;

    json_array_foreach (json_object_get(tool, "extensions"), index, extension)
        found = found ? found : find_by_id(json_object_get(extension, "rules"), id);
    return found;
}

static const json_t *rule_of(const struct report *report, const json_t *result)
{
    const json_t *rules = json_object_get(component(report, result), "rules");
    const json_t *index = json_object_get(result, "ruleIndex");
    const char *id = rule_id(result);
    const json_t *found = NULL;

    if (!index)
        index = json_object_get(json_object_get(result, "rule"), "index");
    if (json_is_integer(index) && json_integer_value(index) >= 0)
        found = json_array_get(rules, (size_t)json_integer_value(index));
    if (!found && id)
        found = find_by_id(rules, id);
    return found || !id ? found : find_in_extensions(report, id);
}

/* A run may have been told to take a rule more or less seriously. */
static const char *overridden_level(const struct report *report, const json_t *result)
{
    const char *id = rule_id(result), *level = NULL;
    size_t at, index;
    json_t *invocation, *override;

    json_array_foreach (json_object_get(report->run, "invocations"), at, invocation) {
        json_array_foreach (json_object_get(invocation, "ruleConfigurationOverrides"), index,
                            override) {
            const char *which = roll_json_get_string(json_object_get(override, "descriptor"), "id");
            if (id && g_strcmp0(which, id) == 0)
                level = roll_json_get_string(json_object_get(override, "configuration"), "level");
        }
    }
    return level;
}

static enum level result_level(const struct report *report, const json_t *result,
                               const json_t *rule)
{
    const char *level = roll_json_get_string(result, "level");

    if (level)
        return level_of(level, LEVEL_ERROR);
    level = overridden_level(report, result);
    if (!level)
        level = roll_json_get_string(json_object_get(rule, "defaultConfiguration"), "level");
    return level ? level_of(level, LEVEL_ERROR) : LEVEL_WARNING;
}

/* Tools write it as a text; a number is taken too. What is neither could be anything. */
static double severity_of(struct report *report, const json_t *rule, const json_t *result)
{
    const json_t *value =
        json_object_get(json_object_get(result, "properties"), "security-severity");
    const char *text;
    char *end = NULL;
    double number;

    if (!value)
        value = json_object_get(json_object_get(rule, "properties"), "security-severity");
    if (!value)
        return 0;
    text = json_string_value(value);
    number = text ? g_ascii_strtod(text, &end) : json_number_value(value);
    if (text ? end != text && !*end : json_is_number(value))
        if (isfinite(number) && number >= 0)
            return number;
    doubt(report, "%s gives a security-severity that is not a number%s%.40s%s", report->tool,
          text ? ": '" : "", text ? text : "", text ? "'" : "");
    return 0;
}

/* ---- results -------------------------------------------------------------------------------- */

/* Without a status an entry suppresses: Checkov writes them so. */
static bool is_suppressed(const json_t *result)
{
    const json_t *entries = json_object_get(result, "suppressions");
    size_t index;
    json_t *entry;

    json_array_foreach (entries, index, entry) {
        const json_t *status = json_object_get(entry, "status");
        if (!json_is_object(entry) ||
            (status && g_strcmp0(json_string_value(status), "accepted") != 0))
            return false;
    }
    return json_array_size(entries) > 0;
}

/* A kind that nobody knows is one too. */
static void count_fail(struct report *report, const json_t *result)
{
    const json_t *rule = rule_of(report, result);
    enum level level = result_level(report, result, rule);
    double severity = severity_of(report, rule, result);
    bool severe = report->options->max_severity >= 0 && severity > report->options->max_severity;

    report->counts[level]++;
    report->worst = MAX(report->worst, severity);
    report->severe += severe;
    report->failing += severe || level >= level_of(report->options->fail_on, LEVEL_ERROR);
}

/* What it says in another type than the format's would be taken for not said. */
static bool is_readable(const json_t *result)
{
    static const char *const texts[] = {"kind", "level", "ruleId", "baselineState"};

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        const json_t *value = json_object_get(result, texts[i]);
        if (value && !json_is_string(value))
            return false;
    }
    return json_is_object(result);
}

static void count_result(struct report *report, const json_t *result)
{
    const char *kind = roll_json_get_string(result, "kind");

    if (!is_readable(result)) {
        doubt(report, "%s has a result that is none: it cannot be read", report->tool);
        return;
    }
    kind = kind ? kind : "fail";
    if (g_strcmp0(roll_json_get_string(result, "baselineState"), "absent") == 0)
        return;
    if (is_suppressed(result)) {
        report->suppressed++;
        return;
    }
    if (strcmp(kind, "open") == 0 || strcmp(kind, "review") == 0)
        report->inconclusive++; /* PSRule: it could not tell, or the rule broke */
    else if (strcmp(kind, "pass") != 0 && strcmp(kind, "notApplicable") != 0 &&
             strcmp(kind, "informational") != 0)
        count_fail(report, result);
}

/* ---- runs ----------------------------------------------------------------------------------- */

static void look_at_invocations(struct report *report)
{
    size_t at;
    json_t *invocation;

    json_array_foreach (json_object_get(report->run, "invocations"), at, invocation) {
        const json_t *success = json_object_get(invocation, "executionSuccessful");
        if (success && !json_is_true(success))
            doubt(report, "%s says that it did not run to its end", report->tool);
    }
}

static void look_at_run(struct report *report, struct sarif_origin *origin, const json_t *run)
{
    const json_t *results = json_object_get(run, "results");
    size_t index;
    json_t *result;

    report->run = run;
    report->tool =
        roll_json_get_string(json_object_get(json_object_get(run, "tool"), "driver"), "name");
    if (!report->tool)
        doubt(report, "a run does not say which tool it was");
    report->tool = report->tool ? report->tool : "a tool";
    json_array_append_new(report->tools, json_string(report->tool));
    if (!json_is_array(results))
        doubt(report, "%s never ran: it has no results, not even none", report->tool);
    look_at_invocations(report);
    sarif_origin_see(origin, run, report->tool);
    json_array_foreach (results, index, result)
        count_result(report, result);
}

static void look_at(struct report *report, const json_t *value)
{
    const json_t *runs = json_object_get(value, "runs");
    const char *version = roll_json_get_string(value, "version");
    struct sarif_origin origin = {.options = report->options, .problem = report->problem};
    size_t index;
    json_t *run;

    if (g_strcmp0(version, "2.1.0") != 0)
        doubt(report, "it is not SARIF 2.1.0");
    if (json_array_size(runs) == 0)
        doubt(report, "it has no run");
    json_array_foreach (runs, index, run)
        look_at_run(report, &origin, run);
    sarif_origin_end(&origin);
}

/* ---- the verdict ---------------------------------------------------------------------------- */

static char *summary_of(const struct report *report)
{
    GString *text = g_string_new(NULL);

    if (report->problem->len)
        return g_strdup(report->problem->str);
    g_string_append_printf(text, "%d error%s, %d warning%s, %d note%s", report->counts[LEVEL_ERROR],
                           report->counts[LEVEL_ERROR] == 1 ? "" : "s",
                           report->counts[LEVEL_WARNING],
                           report->counts[LEVEL_WARNING] == 1 ? "" : "s",
                           report->counts[LEVEL_NOTE], report->counts[LEVEL_NOTE] == 1 ? "" : "s");
    if (report->inconclusive)
        g_string_append_printf(text, ", %d inconclusive", report->inconclusive);
    if (report->suppressed)
        g_string_append_printf(text, ", %d suppressed", report->suppressed);
    if (report->severe)
        g_string_append_printf(text, ", %d above severity %.1f", report->severe,
                               report->options->max_severity);
    return g_string_free(text, FALSE);
}

/* The ledger's JSON has no fractions: severity is written as it is by tools, as a text. */
static json_t *result_of(const struct report *report)
{
    char worst[G_ASCII_DTOSTR_BUF_SIZE];

    g_ascii_formatd(worst, sizeof worst, "%.1f", report->worst);
    return json_pack("{s:{s:i,s:i,s:i,s:i},s:i,s:i,s:i,s:s,s:O}", "counts", "error",
                     report->counts[LEVEL_ERROR], "warning", report->counts[LEVEL_WARNING], "note",
                     report->counts[LEVEL_NOTE], "none", report->counts[LEVEL_NONE], "suppressed",
                     report->suppressed, "inconclusive", report->inconclusive, "aboveSeverity",
                     report->severe, "worstSeverity", worst, "tools", report->tools);
}

void roll_sarif_judge(const char *text, size_t size, const struct roll_sarif_options *options,
                      const char **ret_verdict, char **ret_summary, json_t **ret_result)
{
    g_autoptr(GString) problem = g_string_new(NULL);
    roll_auto(json) json_t *tools = json_array();
    roll_auto(json) json_t *value = NULL;
    struct report report = {.options = options, .tools = tools, .problem = problem};
    bool marked = size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0; /* tools on Windows */
    struct roll_error *err =
        roll_json_parse_within(marked ? text + 3 : text, marked ? size - 3 : size, ROLL_JSON_STRICT,
                               MEMORY_MAX, &value, NULL);

    if (err)
        doubt(&report, "it cannot be read: %s", err->message);
    else
        look_at(&report, value);
    roll_error_free(err);
    *ret_verdict = problem->len                                    ? "error"
                   : report.failing > 0 || report.inconclusive > 0 ? "failed"
                                                                   : "passed";
    *ret_summary = summary_of(&report);
    *ret_result = result_of(&report);
}
