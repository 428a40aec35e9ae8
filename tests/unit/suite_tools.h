/* What every unit test program ends with. */
#ifndef ROLLBOOK_TESTS_SUITE_TOOLS_H
#define ROLLBOOK_TESTS_SUITE_TOOLS_H

#include <check.h>
#include <stdlib.h>

/* Runs and frees the suite; the program's exit status. CK_VERBOSITY tells more. */
static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
