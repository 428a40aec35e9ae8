/* Advice for ARM's codes: for every code that the reference lists, once, and with commands that
 * exist. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "azure/arm.h"
#include "cli/app.h"
#include "suite_tools.h"

/* REST reference 7.2, and the service's list of common deployment errors. */
static const char *const known[] = {
    "InvalidTemplate",
    "InvalidTemplateDeployment",
    "PreflightValidationCheckFailed",
    "RequestDisallowedByPolicy",
    "InvalidDeployment",
    "LocationRequired",
    "LocationNotAvailableForDeployment",
    "InvalidRequestContent",
    "InvalidContentLink",
    "NoRegisteredProviderFound",
    "InvalidApiVersionParameter",
    "MissingApiVersionParameter",
    "JobSizeExceeded",
    "DeploymentJobSizeExceeded",
    "AuthenticationFailed",
    "InvalidAuthenticationToken",
    "ExpiredAuthenticationToken",
    "InvalidAuthenticationTokenTenant",
    "AuthorizationFailed",
    "LinkedAuthorizationFailed",
    "SubscriptionNotFound",
    "ResourceGroupNotFound",
    "ResourceNotFound",
    "DeploymentStackResourceNotFound",
    "InvalidResourceType",
    "InvalidResourceNamespace",
    "DeploymentActive",
    "DeploymentCannotBeCancelled",
    "InvalidDeploymentLocation",
    "DeploymentQuotaExceeded",
    "MissingSubscriptionRegistration",
    "ScopeLocked",
    "ResourceGroupBeingDeleted",
    "AnotherOperationInProgress",
    "Conflict",
    "OperationNotAllowed",
    "SkuNotAvailable",
    "QuotaExceeded",
    "PreconditionFailed",
    "RequestContentTooLarge",
    "SubscriptionRequestsThrottled",
    "ResourceRequestsThrottled",
    "TooManyRequests",
    "RetryableErrorDueToAnotherOperation",
    "InternalServerError",
    "ServerTimeout",
    "GatewayTimeout",
    "DeploymentFailed",
    "ResourceDeploymentFailure",
    "DeploymentFailedCleanUp",
    "DeploymentCanceled",
    "RequestTimeout",
    "AccountNameInvalid",
    "AllocationFailed",
    "DeploymentNameInvalidCharacters",
    "DeploymentNameLengthLimitExceeded",
    "DnsRecordInUse",
    "ImageNotFound",
    "InvalidParameter",
    "InvalidResourceReference",
    "InvalidTemplateCircularDependency",
    "MismatchingResourceSegments",
    "MissingRegistrationForLocation",
    "NotFound",
    "ParentResourceNotFound",
    "PropertyChangeNotAllowed",
    "ResourceQuotaExceeded",
    "StorageAccountAlreadyTaken",
    "SubnetIsFull",
};

START_TEST(test_azure_advice__every_listed_code_has_one)
{
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
        ck_assert_msg(roll_arm_advice(known[i]), "%s has none", known[i]);
}
END_TEST

START_TEST(test_azure_advice__each_code_once_in_a_sentence)
{
    g_autoptr(GHashTable) codes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (const struct arm_advice *row = arm_advices; row->code; row++) {
        ck_assert_msg(g_hash_table_add(codes, g_ascii_strdown(row->code, -1)), "%s comes twice",
                      row->code);
        ck_assert_msg(strlen(row->advice) > 10 && !g_str_has_suffix(row->advice, ".") &&
                          !strchr(row->advice, '\n'),
                      "%s: %s", row->code, row->advice);
    }
    ck_assert_uint_ge(g_hash_table_size(codes), 100);
}
END_TEST

/* 'roll WORD' and '--option': people type what they read at 03:00. */
START_TEST(test_azure_advice__names_only_what_exists)
{
    g_autoptr(GRegex) command = g_regex_new("'roll ([a-z-]+)[^']*'", 0, 0, NULL);
    g_autoptr(GRegex) option = g_regex_new("'--([a-z-]+)'", 0, 0, NULL);

    for (const struct arm_advice *row = arm_advices; row->code; row++) {
        g_autoptr(GMatchInfo) match = NULL, wanted = NULL;
        for (g_regex_match(command, row->advice, 0, &match); g_match_info_matches(match);
             g_match_info_next(match, NULL)) {
            g_autofree char *name = g_match_info_fetch(match, 1);
            ck_assert_msg(roll_command_find(roll_commands, name), "%s names 'roll %s'", row->code,
                          name);
        }
        for (g_regex_match(option, row->advice, 0, &wanted); g_match_info_matches(wanted);
             g_match_info_next(wanted, NULL)) {
            g_autofree char *name = g_match_info_fetch(wanted, 1);
            bool found = false;
            const struct roll_option *options = roll_command_find(roll_commands, "back")->options;
            for (; options->name; options++)
                found = found || strcmp(options->name, name) == 0;
            ck_assert_msg(found, "%s names '--%s'", row->code, name);
        }
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *all = suite_create("azure_advice");
    TCase *advice = tcase_create("advice");

    tcase_add_test(advice, test_azure_advice__every_listed_code_has_one);
    tcase_add_test(advice, test_azure_advice__each_code_once_in_a_sentence);
    tcase_add_test(advice, test_azure_advice__names_only_what_exists);
    suite_add_tcase(all, advice);
    return all;
}

int main(void)
{
    return run_suite(suite());
}
