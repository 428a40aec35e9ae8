/* Templates by others, through the sandbox: whatever they are, it answers as ARM would; what it
 * deploys twice is the same twice. Skipped where the corpus is not at hand. */
#include "sandbox_tools.h"
#include "suite_tools.h"

#define SUB0 "/subscriptions/00000000-0000-0000-0000-000000000000"

static char *root; /* of the corpus, or NULL */
static struct peer peer;
static unsigned tried, deployed, resources;

static const char *base_of(const json_t *features)
{
    static const struct {
        const char *feature, *base;
    } scopes[] = {{"scope.subscription", SUB0},
                  {"scope.managementGroup", "/providers/Microsoft.Management/managementGroups/mg"},
                  {"scope.tenant", ""}};
    size_t i;
    json_t *feature;
    json_array_foreach (features, i, feature) {
        for (size_t s = 0; s < G_N_ELEMENTS(scopes); s++) {
            if (strcmp(json_string_value(feature), scopes[s].feature) == 0)
                return scopes[s].base;
        }
    }
    return SUB0 "/resourceGroups/corpus";
}

/* A parameter file's values as text, "{}" without one. */
static char *read_parameters(const char *folder)
{
    g_autofree char *path = g_build_filename(folder, "azuredeploy.parameters.json", NULL);
    g_autofree char *text = NULL;
    gsize size;
    json_t *file = NULL;
    if (!g_file_get_contents(path, &text, &size, NULL))
        return g_strdup("{}");
    OK(roll_json_parse(text, size, ROLL_JSON_ARM, &file));
    GString *written = g_string_new(NULL);
    json_t *values = roll_json_get_nocase(file, "parameters");
    roll_json_write(values ? values : file, written);
    json_decref(file);
    return g_string_free(written, FALSE);
}

static char *make_body(const char *id, const char *base)
{
    g_autofree char *folder = g_build_filename(root, id, NULL);
    g_autofree char *path = g_build_filename(folder, "azuredeploy.json", NULL);
    g_autofree char *parameters = read_parameters(folder);
    g_autofree char *text = NULL;
    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    const char *start = g_str_has_prefix(text, "\xef\xbb\xbf") ? text + 3 : text;
    return g_strdup_printf(
        "{%s\"properties\":{\"mode\":\"Incremental\",\"parameters\":%s,template:%s}}",
        strstr(base, "resourceGroups") ? "" : "\"location\":\"westeurope\",", parameters, start);
}

/* The bodies of everything that the deployment says it deployed. */
static GString *read_all(const json_t *ids)
{
    GString *all = g_string_new(NULL);
    size_t i;
    json_t *entry;
    json_array_foreach (ids, i, entry) {
        const char *id = text_of(entry, "id");
        g_autofree char *escaped = g_uri_escape_string(id, "/", FALSE);
        g_autofree char *path = g_strdup_printf("%s" API, escaped);
        struct answer answer = expect(&peer, 200, "GET", path, NULL);
        g_string_append_printf(all, "%s\n", answer.text->str);
        answer_clear(&answer);
        resources++;
    }
    return all;
}

static void check_twice(const char *id, const char *path, const char *body)
{
    struct answer first = expect(&peer, 200, "GET", path, NULL);
    const char *state = text_of(first.json, "properties.provisioningState");
    ck_assert_msg(strcmp(state, "Succeeded") == 0 || strcmp(state, "Failed") == 0, "%s: %s", id,
                  state);
    if (strcmp(state, "Succeeded") == 0) {
        deployed++;
        GString *before = read_all(at(first.json, "properties.outputResources"));
        expect_only(&peer, 200, "PUT", path, body);
        GString *after = read_all(at(first.json, "properties.outputResources"));
        ck_assert_msg(g_string_equal(before, after), "%s: a second deployment changes resources",
                      id);
        g_string_free(before, TRUE);
        g_string_free(after, TRUE);
    } else {
        ck_assert_str_ne(text_of(first.json, "properties.error.message"), "(none)");
    }
    answer_clear(&first);
}

static void try_sample(const json_t *sample)
{
    const char *id = text_of(sample, "id");
    const char *base = base_of(at(sample, "features"));
    g_autofree char *body = make_body(id, base);
    g_autofree char *path = g_strdup_printf(
        "%s/providers/Microsoft.Resources/deployments/sample-%u" API, base, ++tried);
    struct answer answer = call(&peer, "PUT", path, body);
    if (answer.status == 201) {
        check_twice(id, path, body);
    } else if (answer.status == 404) {
        /* A nested deployment into a group that a prerequisite would have made. */
        ck_assert_msg(strcmp(text_of(answer.json, "error.code"), "ResourceGroupNotFound") == 0,
                      "%s: %s", id, answer.text->str);
    } else {
        /* Parameters are missing or placeholders do not fit: refused with the reason. */
        ck_assert_msg(answer.status == 400, "%s: %d %s", id, answer.status, answer.text->str);
        const char *code = text_of(answer.json, "error.code");
        ck_assert_msg(strcmp(code, "InvalidTemplate") == 0 ||
                          strcmp(code, "InvalidTemplateDeployment") == 0,
                      "%s: %s", id, answer.text->str);
    }
    answer_clear(&answer);
}

START_TEST(test_sandbox__deploys_the_corpus)
{
    g_autofree char *path = g_build_filename(root, "index.json", NULL);
    struct roll_sandbox_options options = {0};
    json_error_t error;
    json_t *index = json_load_file(path, 0, &error), *sample;
    size_t i;
    ck_assert_msg(index, "%s: %s", path, error.text);
    peer_start(&peer, &options);
    expect_only(&peer, 201, "PUT", SUB0 "/resourceGroups/corpus" API,
                "{\"location\":\"westeurope\"}");
    json_array_foreach (at(index, "templates"), i, sample)
        try_sample(sample);
    printf("corpus: %u of %u deployed, %u resources compared\n", deployed, tried, resources / 2);
    /* The others want resources or values that the corpus does not bring. */
    ck_assert_uint_ge(deployed * 2, tried);
    json_decref(index);
    ck_assert_int_eq(peer_stop(&peer, SIGTERM), 0);
    peer_clear(&peer);
}
END_TEST

int main(void)
{
    root = g_build_filename(ROLL_SOURCE_DIR, "..", "shared", "corpus", "templates", NULL);
    if (!g_file_test(root, G_FILE_TEST_IS_DIR)) {
        printf("skipped: there is no corpus of templates beside the repository\n");
        g_free(root);
        return 77;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    Suite *suite = suite_create("sandbox corpus");
    TCase *tcase = tcase_create("corpus");
    tcase_set_timeout(tcase, 250);
    tcase_add_test(tcase, test_sandbox__deploys_the_corpus);
    suite_add_tcase(suite, tcase);
    int failed = run_suite(suite);
    curl_global_cleanup();
    g_free(root);
    return failed;
}
