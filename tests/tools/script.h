/* A server script, read. */
#ifndef ROLLBOOK_TEST_SCRIPT_H
#define ROLLBOOK_TEST_SCRIPT_H

#include <glib.h>
#include <stdbool.h>

enum script_fault {
    SCRIPT_NONE,
    SCRIPT_DROP,     /* read the request, close without a byte */
    SCRIPT_RESET,    /* the same with RST */
    SCRIPT_TRUNCATE, /* head and N bytes of the body, then close */
    SCRIPT_STALL,    /* head and N bytes of the body, then nothing until the peer gives up */
    SCRIPT_SILENT,   /* nothing at all until the peer gives up */
    SCRIPT_DRIP,     /* the body N bytes at a time, with a pause between */
};

struct script_reply {
    int status;
    char *reason;
    GPtrArray *headers; /* "Name: value", with ${…} */
    GString *body;      /* bytes; ${…} are filled in unless it is binary */
    bool binary;
    char *raw; /* instead of status line, headers and body; or NULL */
    int delay_ms;
    bool close; /* close after the reply, and say so */
    bool leave; /* close after the reply without a word */
    enum script_fault fault;
    gsize fault_bytes;
    int fault_ms;
};

enum script_condition_kind {
    SCRIPT_IF_HEADER,
    SCRIPT_IF_BODY,
    SCRIPT_HAS_HEADER,
    SCRIPT_LACKS_HEADER,
    SCRIPT_HAS_BODY,
    SCRIPT_LACKS_BODY,
};

struct script_condition {
    enum script_condition_kind kind;
    char *name; /* of a header, or NULL */
    char *text; /* to be contained, or NULL */
};

struct script_expect {
    int line;
    char *method;
    char *target;
    GRegex *regex;         /* or NULL */
    GPtrArray *conditions; /* struct script_condition */
    GPtrArray *replies;    /* struct script_reply, at least one; the last one repeats */
    int times;             /* -1: any number */
    int seen;
};

struct script {
    GPtrArray *expects; /* struct script_expect */
    bool in_order;
    int accept_close; /* so many connections are closed right after accept */
};

/* NULL and *ret_problem ("line 3: …", owned by the caller) when it is wrong. */
struct script *script_parse(const char *text, char **ret_problem);
void script_free(struct script *script);

#endif
