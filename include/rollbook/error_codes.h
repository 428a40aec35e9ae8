/* Every error code of the program: name, exit status, default text. Append only; code decides, text is for people.
 *
 * The exit statuses are a contract (roll help exit-codes). */
#define ROLL_ERROR_CODES(X)                                                                        \
    X(INTERNAL, 1, "internal error")                                                               \
    X(USAGE, 2, "wrong usage")                                                                     \
    X(NOT_FOUND, 3, "not found")                                                                   \
    X(FOUND, 4, "found something")                                                                 \
    X(REFUSED, 5, "refused by policy")                                                             \
    X(CONFLICT, 6, "conflict")                                                                     \
    X(FAILED_ROLLED_BACK, 7, "failed and rolled back")                                             \
    X(FAILED, 8, "failed, not rolled back")                                                        \
    X(DAMAGED, 9, "ledger damaged")                                                                \
    X(WAITING, 10, "waiting")                                                                      \
    X(EXPIRED, 11, "expired or superseded")                                                        \
    X(NOTHING, 77, "nothing to do")                                                                \
    X(DETACHED, 130, "detached")                                                                   \
    X(IO, 1, "input or output failed")                                                             \
    X(NO_SPACE, 1, "no space left on the device")                                                  \
    X(READ_ONLY, 1, "the folder is read-only")                                                     \
    X(LOCKED, 1, "the ledger is locked by another process")                                        \
    X(FOREIGN, 9, "not a ledger")                                                                  \
    X(TOO_NEW, 9, "made by a newer program")                                                       \
    X(SYNTAX, 1, "syntax error")                                                                   \
    X(INVALID, 1, "not valid")                                                                     \
    X(LIMIT, 1, "larger than allowed")                                                             \
    X(TEMPLATE, 1, "template not valid")                                                           \
    X(PLAN, 2, "plan not valid")                                                                   \
    X(GIT, 1, "git failed")                                                                        \
    X(HTTP, 1, "request failed")                                                                   \
    X(TIMEOUT, 1, "timed out")                                                                     \
    X(ARM, 8, "Azure Resource Manager refused")                                                    \
    X(CREDENTIAL, 1, "no credential")                                                              \
    X(PROCESS, 1, "command failed")                                                                \
    X(CANCELLED, 8, "cancelled")
