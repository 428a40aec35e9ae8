/* Replies of a service, written down: a status line, headers, an empty line, the body. */
#ifndef ROLLBOOK_TESTS_FUZZ_REPLIES_H
#define ROLLBOOK_TESTS_FUZZ_REPLIES_H

#include "fuzz.h"
#include "rollbook/http.h"

struct fuzz_reply {
    struct roll_http_reply reply; /* borrows the rest */
    struct roll_http_headers *headers;
    char *body;
};

/* The part's bytes, headers as http reads them from the wire. A status that is none is 200. */
void fuzz_reply_read(struct fuzz_reply *ret_reply, const GPtrArray *parts, guint index);
void fuzz_reply_clear(struct fuzz_reply *reply);

#endif
