/* Reading and expanding takes at most 20 times the input and 4 MB of output, whatever the input
 * is: it is expanded within that, or refused within that. Allocations are counted, so that neither
 * the machine nor the allocator's habits decide. */
#include "suite_tools.h"
#include "template_tools.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
int main(void)
{
    return 77; /* the sanitizers count themselves */
}
#else

#define MB ((size_t)1 << 20)
#define TIMES 20
#define INPUT (2 * MB) /* at 4 MB it takes twice as long and says the same */

/* ---- the heap, counted: malloc() of the whole program ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

#define CHUNK_HEAD 8 /* what glibc adds to each */

static size_t held, most;

static void *taken(void *memory)
{
    held += memory ? malloc_usable_size(memory) + CHUNK_HEAD : 0;
    most = MAX(most, held);
    return memory;
}

static void given_back(void *memory)
{
    held -= memory ? malloc_usable_size(memory) + CHUNK_HEAD : 0;
}

void *malloc(size_t size)
{
    return taken(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return taken(__libc_calloc(count, size));
}

void *realloc(void *memory, size_t size)
{
    size_t before = memory ? malloc_usable_size(memory) + CHUNK_HEAD : 0;
    void *grown = __libc_realloc(memory, size);
    if (grown || size == 0)
        held -= before;
    return taken(grown);
}

void *memalign(size_t alignment, size_t size)
{
    return taken(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return taken(__libc_memalign(alignment, size));
}

int posix_memalign(void **ret_memory, size_t alignment, size_t size)
{
    void *memory = taken(__libc_memalign(alignment, size));
    if (!memory)
        return ENOMEM;
    *ret_memory = memory;
    return 0;
}

void free(void *memory)
{
    given_back(memory);
    __libc_free(memory);
}

/* ---- measuring ---- */

static size_t sizes_of(const char *text, const char *parameters)
{
    return strlen(text) + (parameters ? strlen(parameters) : 0);
}

/* Reads, expands or refuses; the most that it held above what was held before. */
static size_t peak_of(const char *text, const char *parameters, char **ret_outcome)
{
    roll_auto(template) struct roll_template *tmpl = NULL;
    roll_auto(expansion) struct roll_expansion *expansion = NULL;
    roll_auto(json) json_t *given = NULL;
    struct roll_error *err = NULL;
    size_t before = held;
    most = held;
    if (parameters)
        err = roll_parameters_read(parameters, strlen(parameters), "p.json", &given);
    if (!err)
        err = roll_template_read(text, strlen(text), "main.json", &tmpl);
    if (!err) {
        struct roll_template_input input = {.context = {.scope = roll_template_scope(tmpl)},
                                            .parameters = given};
        err = roll_template_expand(tmpl, &input, &expansion);
    }
    *ret_outcome = g_strndup(err ? err->message : "expanded", 100);
    roll_error_free(err);
    return most - before;
}

static size_t peak_of_check(const char *text)
{
    roll_auto(json) json_t *findings = NULL;
    size_t before = held;
    most = held;
    roll_error_free(roll_template_check(text, strlen(text), "main.json", NULL, &findings));
    return most - before;
}

static void assert_bounded(const char *name, const char *text, const char *parameters)
{
    g_autofree char *outcome = NULL;
    size_t allowed = TIMES * (sizes_of(text, parameters) + 4 * MB);
    size_t peak = peak_of(text, parameters, &outcome);
    if (g_getenv("ROLL_TEST_VERBOSE"))
        fprintf(stderr, "%6.1f of %5.1f MB, input %4.1f MB: %s (%s)\n", (double)peak / MB,
                (double)allowed / MB, (double)sizes_of(text, parameters) / MB, name, outcome);
    ck_assert_msg(peak <= allowed, "%s: %zu MB of at most %zu MB: %s", name, peak / MB,
                  allowed / MB, outcome);
}

static void assert_check_bounded(const char *name, const char *text)
{
    size_t allowed = TIMES * (strlen(text) + 4 * MB);
    size_t peak = peak_of_check(text);
    ck_assert_msg(peak <= allowed, "checking %s: %zu MB of at most %zu MB", name, peak / MB,
                  allowed / MB);
}

/* ---- large inputs: one part over and over ---- */

/* before, part (`%d` in it counts) until `size` bytes or `count` parts are there, after. */
static char *filled(const char *before, const char *part, const char *after, size_t size,
                    unsigned count)
{
    GString *text = g_string_new(before);
    for (unsigned i = 0; text->len + strlen(part) + strlen(after) < size && i < count; i++) {
        const char *rest = part;
        if (i > 0)
            g_string_append_c(text, ',');
        for (const char *number; (number = strstr(rest, "%d")) != NULL; rest = number + 2) {
            g_string_append_len(text, rest, number - rest);
            g_string_append_printf(text, "%u", i);
        }
        g_string_append(text, rest);
    }
    g_string_append(text, after);
    char *made = quoted(text->str);
    g_string_free(text, TRUE);
    return made;
}

static const struct {
    const char *name, *part;
} values[] = {
    {"empty arrays", "[]"},
    {"empty objects", "{}"},
    {"small objects", "{``:1}"},
    {"objects of objects", "{`a`:{`b`:{`c`:{}}}}"},
    {"arrays of arrays", "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"},
    {"empty texts", "``"},
    {"integers", "1"},
    {"floats", ".5"},
    {"nulls", "null"},
    {"literal expressions", "`[1]`"},
    {"escaped texts", "`[[]`"},
    {"calls", "`[json('[]')]`"},
    {"calls that make", "`[range(0,99)]`"},
    {"objects with expressions", "{`a`:`[1]`,`b`:1}"},
    {"names that are expressions", "{`[string(1)]`:1}"},
    {"loops", "{`copy`:[{`name`:`c`,`count`:1,`input`:1}]}"},
};

START_TEST(test_template_memory__values)
{
    g_autofree char *text =
        filled(HEAD "`resources`:[],`variables`:{`v`:[", values[_i].part, "]}}", INPUT, G_MAXUINT);
    assert_bounded(values[_i].name, text, NULL);
    assert_check_bounded(values[_i].name, text);
    /* beside an expression every value is a node of its own */
    g_autofree char *beside = filled(HEAD "`resources`:[],`variables`:{`v`:[`[null()]`,",
                                     values[_i].part, "]}}", INPUT, G_MAXUINT);
    assert_bounded(values[_i].name, beside, NULL);
}
END_TEST

START_TEST(test_template_memory__given_values)
{
    g_autofree char *parameters =
        filled("{`parameters`:{`p`:{`value`:[", values[_i].part, "]}}}", INPUT, G_MAXUINT);
    g_autofree char *text =
        quoted(HEAD "`parameters`:{`p`:{`type`:`array`}},`variables`:{`v`:`[union("
                    "parameters('p'), parameters('p'))]`},`resources`:[],`outputs`:{`o`:{`type`:"
                    "`array`,`value`:`[parameters('p')]`}}}");
    assert_bounded(values[_i].name, text, parameters);
}
END_TEST

/* Members with names of their own. */
START_TEST(test_template_memory__members)
{
    static const char *const parts[] = {"`%d`:1", "`%d`:[]", "`%d`:{}", "`%d`:`[1]`"};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *text =
            filled(HEAD "`resources`:[],`variables`:{`v`:{", parts[i], "}}}", INPUT, G_MAXUINT);
        assert_bounded(parts[i], text, NULL);
    }
}
END_TEST

/* Expressions as long as they may be, full of what is small. */
START_TEST(test_template_memory__expressions)
{
    static const char *const parts[] = {"1", "''", "a()", "null()", "json('{}')", "range(0,9)"};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *one = filled("`[createArray(", parts[i], ")]`", 24000, G_MAXUINT);
        g_autofree char *text =
            filled(HEAD "`resources`:[],`variables`:{`v`:[", one, "]}}", INPUT, G_MAXUINT);
        assert_bounded(parts[i], text, NULL);
        assert_check_bounded(parts[i], text);
    }
}
END_TEST

/* Small templates that make much. */
static const struct {
    const char *name, *before, *part;
    unsigned count;
} makers[] = {
    {"ranges", "", "`v%d`:`[range(0, 10000)]`", 500},
    {"empty arrays", "", "`v%d`:`[map(range(0, 10000), lambda('x', createArray()))]`", 500},
    {"empty objects", "", "`v%d`:`[map(range(0, 10000), lambda('x', createObject()))]`", 500},
    {"small objects", "", "`v%d`:`[map(range(0, 10000), lambda('x', createObject('a', 1)))]`", 500},
    {"parsed objects", "", "`v%d`:`[map(range(0, 10000), lambda('x', json('{}')))]`", 500},
    {"parsed texts", "`t`:`[join(map(range(0, 10000), lambda('x', '{}')), ',')]`,",
     "`v%d`:`[json(concat('[', variables('t'), ']'))]`", 500},
    {"numbers", "", "`v%d`:`[map(range(0, 10000), lambda('x', add(lambdaVariables('x'), 1)))]`",
     500},
    {"texts", "", "`v%d`:`[map(range(0, 10000), lambda('x', string(lambdaVariables('x'))))]`", 500},
    {"parts of texts", "`t`:`[padLeft('', 100000, ',')]`,", "`v%d`:`[split(variables('t'), ',')]`",
     500},
    {"groups", "", "`v%d`:`[groupBy(range(0, 10000), lambda('x', string(lambdaVariables('x'))))]`",
     500},
    {"objects of many", "",
     "`v%d`:`[toObject(range(0, 10000), lambda('x', string(lambdaVariables('x'))))]`", 500},
    {"items", "`t`:`[toObject(range(0, 10000), lambda('x', string(lambdaVariables('x'))))]`,",
     "`v%d`:`[items(variables('t'))]`", 500},
    {"unions", "`t`:`[toObject(range(0, 10000), lambda('x', string(lambdaVariables('x'))))]`,",
     "`v%d`:`[union(variables('t'), createObject('a', %d))]`", 500},
    {"merges", "`t`:`[toObject(range(0, 10000), lambda('x', string(lambdaVariables('x'))))]`,",
     "`v%d`:`[shallowMerge(createArray(variables('t'), variables('t')))]`", 500},
    {"mapped", "`t`:`[toObject(range(0, 10000), lambda('x', string(lambdaVariables('x'))))]`,",
     "`v%d`:`[mapValues(variables('t'), lambda('x', createArray()))]`", 500},
    {"copies", "",
     "`v%d`:{`copy`:[{`name`:`a`,`count`:800,`input`:{`copy`:[{`name`:`b`,`count`:"
     "800,`input`:{`c`:`[copyIndex('b')]`}}]}}]}",
     100},
    {"copies of text", "",
     "`v%d`:{`copy`:[{`name`:`a`,`count`:800,`input`:"
     "`[padLeft('', 1000, string(mod(copyIndex('a'), 10)))]`}]}",
     500},
    {"large texts", "", "`v%d`:`[padLeft('', 1000000, 'x')]`", 500},
    {"unknown values", "", "`v%d`:`[map(range(0, 10000), lambda('x', tenant().displayName))]`",
     500},
    {"unknown calls", "",
     "`v%d`:`[map(range(0, 10000), lambda('x', concat(tenant().displayName, string("
     "lambdaVariables('x')))))]`",
     500},
    {"distinct", "", "`v%d`:`[distinct(range(%d, 10000))]`", 500},
    {"sorted", "",
     "`v%d`:`[sort(range(0, 10000), lambda('a', 'b', less(lambdaVariables('b'), "
     "lambdaVariables('a'))))]`",
     500},
    {"reduced", "",
     "`v%d`:`[reduce(range(0, 1000), createArray(), lambda('a', 'b', concat("
     "lambdaVariables('a'), createArray(lambdaVariables('b')))))]`",
     500},
    {"formatted", "", "`v%d`:`[format('{0,900000}', 1)]`", 500},
};

START_TEST(test_template_memory__made)
{
    g_autofree char *before =
        g_strconcat(HEAD "`resources`:[],`variables`:{", makers[_i].before, NULL);
    g_autofree char *text = filled(before, makers[_i].part, "}}", INPUT, makers[_i].count);
    assert_bounded(makers[_i].name, text, NULL);
}
END_TEST

/* 800 resources with bodies, and deployments in one another. */
START_TEST(test_template_memory__resources)
{
    static const char *const bodies[] = {
        "`[range(0, 1000)]`",
        "{`copy`:[{`name`:`a`,`count`:500,`input`:{`b`:`[copyIndex('a')]`}}]}",
        "`[map(range(0, 1000), lambda('x', createObject()))]`",
        "`[map(range(0, 500), lambda('x', reference(resourceId('A.B/d', 'x'), '2020-01-01')))]`",
        "`[padLeft('', 5000, 'x')]`",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++) {
        g_autofree char *raw = g_strconcat(
            HEAD "`resources`:[{`type`:`A.B/c`,`apiVersion`:`2020-01-01`,`name`:`[concat('n', "
                 "copyIndex())]`,`copy`:{`name`:`l`,`count`:800},`properties`:{`v`:",
            bodies[i], "}}]}", NULL);
        g_autofree char *text = quoted(raw);
        assert_bounded(bodies[i], text, NULL);
    }
}
END_TEST

START_TEST(test_template_memory__deployments)
{
    g_autofree char *inner = filled(
        HEAD "`parameters`:{`p`:{`type`:`array`}},`resources`:[],`variables`:{`v`:[", "[]",
        "]},`outputs`:{`o`:{`type`:`array`,`value`:`[concat(parameters('p'), range(0, 9000))]`}}}",
        200000, G_MAXUINT);
    g_autofree char *raw = g_strconcat(
        HEAD "`resources`:[{`type`:`Microsoft.Resources/deployments`,`apiVersion`:`2022-09-01`,"
             "`name`:`[concat('n', copyIndex())]`,`copy`:{`name`:`l`,`count`:200},`properties`:{"
             "`mode`:`Incremental`,`expressionEvaluationOptions`:{`scope`:`inner`},`parameters`:{"
             "`p`:{`value`:`[range(0, 1000)]`}},`template`:",
        inner, "}}]}", NULL);
    g_autofree char *text = quoted(raw);
    assert_bounded("deployments in a loop", text, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("template_memory");
    TCase *tests = tcase_create("memory");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, test_template_memory__values, 0, G_N_ELEMENTS(values));
    tcase_add_loop_test(tests, test_template_memory__given_values, 0, G_N_ELEMENTS(values));
    tcase_add_test(tests, test_template_memory__members);
    tcase_add_test(tests, test_template_memory__expressions);
    tcase_add_loop_test(tests, test_template_memory__made, 0, G_N_ELEMENTS(makers));
    tcase_add_test(tests, test_template_memory__resources);
    tcase_add_test(tests, test_template_memory__deployments);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
#endif
