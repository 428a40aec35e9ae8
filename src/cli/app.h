/* The command line from one table: what a command is, what it may use, and what a run carries.
 *
 * One verb, one file cmd_NAME.c with one const struct roll_command; commands.c lists them. Help,
 * man pages and completions come from the same rows. */
#ifndef ROLL_CLI_APP_H
#define ROLL_CLI_APP_H

#include "rollbook/json.h"
#include "rollbook/report.h"
#include "rollbook/sandbox.h"

/* NUMBER from 0 on, COUNT from 1 on. */
enum roll_option_type {
    ROLL_FLAG,
    ROLL_TEXT,
    ROLL_TEXTS,
    ROLL_NUMBER,
    ROLL_COUNT,
    ROLL_DURATION,
    ROLL_TIME
};

/* offset points into the command's zeroed context: bool, const char *, GPtrArray * (of const char
 * *, NULL-terminated when parsing is over), int, int64_t ms, int64_t UTC ms. */
struct roll_option {
    const char *name; /* without dashes; NULL ends the table */
    char letter;      /* 0: none */
    enum roll_option_type type;
    size_t offset;
    const char *value; /* how help names the value: VERSION, FILE, … */
    const char *help;  /* one line */
};

enum roll_need {
    ROLL_NEEDS_NOTHING = 0,
    ROLL_NEEDS_WORKSPACE = 1,
    ROLL_READS_LEDGER = 2,  /* app->ledger may be NULL: nothing was ever recorded */
    ROLL_WRITES_LEDGER = 4, /* made at need */
};

struct roll_app;

struct roll_command {
    const char *name;
    const char *arguments;             /* "ENV", "RELEASE [RELEASE]", … */
    const char *summary;               /* one line for the list of commands */
    const char *details;               /* paragraphs for help, or NULL */
    const struct roll_option *options; /* or NULL */
    size_t context_size;
    int min_arguments, max_arguments; /* max -1: any number */
    unsigned needs;                   /* enum roll_need */
    struct roll_error *(*run)(struct roll_app *app, void *context, char **arguments);
    const struct roll_command *const *subcommands; /* NULL-terminated; then run is NULL */
    const char *const *forms; /* what -o takes besides table and json, NULL-terminated; or NULL */
};

struct roll_globals {
    const char *directory; /* -C */
    const char *output;    /* -o */
    const char *ok;        /* --ok */
    bool quiet, verbose, debug, no_color, help;
};

struct roll_app {
    struct roll_globals globals;
    struct roll_screen out, err;
    bool json; /* -o json */
    const struct roll_command *command;
    const struct roll_command *parent; /* of a subcommand */
    struct roll_workspace *workspace;
    struct roll_ledger *ledger;
    struct roll_sandbox *sandbox; /* joined at need */
    struct roll_store *store;     /* of the shared ledger, once it was looked for; or NULL */
    struct roll_sync *sync;       /* with it; or NULL */
    bool emergency;               /* the shared ledger is waited for at most 2 s */
    struct roll_actor actor;      /* claimed; owned */
    int exit_status;              /* of a run without error; 0 unless a command sets it */
};

extern const struct roll_command *const roll_commands[]; /* NULL-terminated, in the order of help */
extern const struct roll_option roll_global_options[];   /* offsets into struct roll_globals */

/* run.c: the whole program. roll_begin, once a process and before it: memory that cannot be had, also by jansson, and what else
 * leaves no way on ends the process with a message and status 1; what was recorded is durable. */
void roll_begin(void);
int roll_main(int argc, char **argv);

/* options.c: fills context from argv; what is no option goes to ret_arguments (borrowed texts). */
struct roll_error *roll_options_parse(const struct roll_command *command, char **argv,
                                      void *context, struct roll_globals *globals,
                                      GPtrArray *arguments) ROLL_CHECKED;
void roll_options_clear(const struct roll_option *options, void *context);
const struct roll_command *roll_command_find(const struct roll_command *const *commands,
                                             const char *name);

/* help.c */
void roll_help_all(struct roll_app *app);
void roll_help_command(struct roll_app *app, const struct roll_command *parent,
                       const struct roll_command *command);

void roll_help_man(struct roll_app *app); /* the whole manual page, roff */
extern const char roll_help_exit_codes[];

/* failure.c: an error for the person: what failed, why, and what to type next. */
void roll_print_error(struct roll_app *app, const struct roll_error *err);
/* In a pipeline: the one line on stderr that it marks as an error. Elsewhere nothing. */
void roll_print_issue(struct roll_app *app, const char *message);

/* app.c: what several commands share. */

/* "shop/prod" of an environment. Owned. */
char *roll_stream_of(const struct roll_plan *plan, const struct roll_plan_environment *environment);
/* What to type for the environment of a stream: its short name, where no other service has one of that name. Owned. */
char *roll_name_to_type(const struct roll_workspace *workspace, const char *stream);

/* "shop@1.4.2" or "1.4.2" to a version; a service in it must fit. Borrowed from text. */
struct roll_error *roll_version_argument(const char *text, const char *service,
                                         const char **ret_version) ROLL_CHECKED;

/* A rollout's state in a sentence: "was refused". Static. */
const char *roll_ended_words(const char *state);
/* The stream of an environment: as the plan has it; where no plan that can be read does, the only one of that name in the
 * ledger, since what was recorded can be told all the same. ret_stream owned. */
struct roll_error *roll_stream_argument(struct roll_app *app, const char *name,
                                        char **ret_stream) ROLL_CHECKED;
/* "shop/prod#17", "prod#17" or "#17" (with ENV's stream given by the environment). ret_stream
 * owned. */
struct roll_error *roll_rollout_argument(struct roll_app *app, const char *text, char **ret_stream,
                                         int64_t *ret_number) ROLL_CHECKED;
/* The same for reading alone, as roll_stream_argument finds it. */
struct roll_error *roll_recorded_argument(struct roll_app *app, const char *text, char **ret_stream,
                                          int64_t *ret_number) ROLL_CHECKED;

/* Whether a question could be asked: looked at before anything is made or recorded. */
struct roll_error *roll_confirm_possible(const struct roll_app *app, bool yes) ROLL_CHECKED;

/* Asks a yes/no question on the terminal. ROLL_E_USAGE without a terminal (naming --yes),
 * ROLL_E_NOTHING on "no". */
struct roll_error *roll_confirm(struct roll_app *app, const char *question, bool yes) ROLL_CHECKED;

/* Opens the ledger for writing, making it at need. */
struct roll_error *roll_app_open_ledger(struct roll_app *app) ROLL_CHECKED;
/* The same for what decides and appends: pulls the shared ledger first, where there is one, and
 * attaches it. */
struct roll_error *roll_app_write_ledger(struct roll_app *app) ROLL_CHECKED;
/* Appends a person's word to a stream, in one piece: another writer in between changes nothing
 * about it. */
struct roll_error *roll_app_append(struct roll_app *app, const char *stream,
                                   const struct roll_draft *drafts, size_t count) ROLL_CHECKED;

/* share.c: the shared ledger. */
struct roll_sync_report;
/* Pulls and pushes; nothing where none is shared. report may be NULL. */
struct roll_error *roll_app_exchange(struct roll_app *app, struct roll_sync_report *report)
    ROLL_CHECKED;
/* The same for a command that goes on: in an emergency without it, aside. */
struct roll_error *roll_app_share(struct roll_app *app) ROLL_CHECKED;
/* What was deployed is known here, or an error that says that it is not, and why (err, consumed; or NULL). Where no ledger is
 * shared, err as it is. */
struct roll_error *roll_app_need_knowledge(struct roll_app *app, struct roll_error *err_take) ROLL_CHECKED;
void roll_app_unshare(struct roll_app *app);
void roll_app_say_aside(struct roll_app *app, const char *why); /* why or NULL */
/* At the end of what was done aside: once more, for at most 2 s. */
void roll_app_come_home(struct roll_app *app);
/* cmd_ledger_store.c: heads in the shared store and in the tags of deployments. ROLL_E_DAMAGED: they do not fit. */
struct roll_error *roll_ledger_verify_online(struct roll_app *app) ROLL_CHECKED;
/* What waits for the shared ledger: [{"stream","side","events"}]. New reference. */
/* roll ledger export and redact in the shared store (cmd_ledger_store.c). The first opens a copy of it in memory, if there is
 * a store at all; the second says where a content stays, or is gone. */
struct roll_error *roll_ledger_from_store(struct roll_app *app) ROLL_CHECKED;
struct roll_error *roll_ledger_redact_store(struct roll_app *app, const char *digest) ROLL_CHECKED;
struct roll_error *roll_app_pending(struct roll_app *app, json_t **ret_list) ROLL_CHECKED;

/* For roll_driver_options.sandbox; user is the app. */
struct roll_error *roll_app_sandbox(void *user, const char **ret_url) ROLL_CHECKED;

/* resumable.c: the rollout that `roll resume ENV` goes on with where none is open; 0: there is none. last: the newest. */
struct roll_error *roll_resumable(struct roll_ledger *ledger, const char *stream, int64_t last,
                                  int64_t *ret_number) ROLL_CHECKED;

/* goal.c: what is live in an environment; where no one release is, that of its last rollout that succeeded. *ret_version:
 * owned, NULL where there is neither. */
struct roll_error *roll_live_release(struct roll_app *app, const char *stream, char **ret_version) ROLL_CHECKED;

/* The newest release that succeeded in the environment and may be returned to, other than
 * `except` (NULL-terminated, or NULL). *ret_version: owned, NULL when there is none. */
struct roll_error *roll_back_goal(struct roll_app *app, const char *stream,
                                  const char *const *except, char **ret_version) ROLL_CHECKED;

/* The same where targets are dirty or differ, or the last rollout failed: what the choice says ("each its own" when they go to
 * different ones, and for more targets than a status should look at; live (or NULL) where a back has nothing to do). Owned, NULL
 * when there is none. goals: gets their versions (char *, owned), each once, where they are known and several. */
char *roll_uneven_goal(struct roll_app *app, const char *stream, const char *live, int64_t targets,
                       GPtrArray *goals);

/* prove.c: has who asks one of the lane's roles? Where it names any, the token of the environment's credential says who that
 * is, and what is recorded from then on names it; in the sandbox the claimed name counts. what is for that role: "'roll
 * unhold'". What lanes rest on must be as committed, since it is for what lifts or loosens. ROLL_E_REFUSED; ROLL_E_CREDENTIAL: nobody is
 * proved. */
struct roll_error *roll_app_need_role(struct roll_app *app, const struct roll_plan *plan,
                                      const struct roll_plan_environment *environment,
                                      enum roll_lane lane, const char *what) ROLL_CHECKED;
/* Likewise, under the plan as it is, or the one who asked for what it is about (or NULL): by credential, in the sandbox by name. */
struct roll_error *roll_app_need_role_or_be(struct roll_app *app, const struct roll_plan *plan,
                                            const struct roll_plan_environment *environment,
                                            enum roll_lane lane,
                                            const struct roll_actor *requester,
                                            const char *what) ROLL_CHECKED;
/* The same of any lane: who may release, fix or roll back in the environment. A lane without roles is anybody's. */
struct roll_error *roll_app_need_any_role(struct roll_app *app, const struct roll_plan *plan,
                                          const struct roll_plan_environment *environment,
                                          const char *what) ROLL_CHECKED;
/* Do two texts name the same person or application? NULL is nobody. */
bool roll_app_is_same(const char *one, const char *other);
/* The same of roles of a plan's value, NULL-terminated, where no credential is no error: app->actor.proved is NULL then. */
bool roll_app_has_role(struct roll_app *app, const json_t *plan,
                       const struct roll_plan_environment *environment, const char *const *roles);

/* Prints a line on stdout unless -q or JSON. */
void roll_say(struct roll_app *app, const char *format, ...) ROLL_PRINTF(2, 3);
/* fprintf for people: what the arguments hold is made safe (text.h). */
void roll_print(FILE *file, const char *format, ...) ROLL_PRINTF(2, 3);

#endif
