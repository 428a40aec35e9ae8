/* Lists as ARM answers them: filtered, and page by page. Private to the module. */
#ifndef SANDBOX_LIST_H
#define SANDBOX_LIST_H

#include "sandbox/store.h"

/* ---- filters (filter.c; REST reference 6.1 and 6.2) ---- */

struct sandbox_filter;
/* Of the request's $filter; *ret_filter is NULL without one, and NULL lets everything pass. False:
 * 400 in reply for what is no filter, 501 for a property that the sandbox does not know. */
bool sandbox_filter_read(const struct sandbox_request *request, struct sandbox_reply *reply,
                         struct sandbox_filter **ret_filter);
bool sandbox_filter_allows(const struct sandbox_filter *filter,
                           const struct sandbox_resource *resource);
/* Lists that were filtered by tags come without them. */
bool sandbox_filter_is_by_tag(const struct sandbox_filter *filter);
void sandbox_filter_free(struct sandbox_filter *filter);
ROLL_AUTO_DEFINE(sandbox_filter, struct sandbox_filter, sandbox_filter_free)

/* The next word of a filter, letters and slashes, or the next text in single quotes; NULL when
 * there is something else. Owned by the caller; *at moves behind it. */
char *sandbox_filter_name(const char **at);
char *sandbox_filter_text(const char **at);

/* ---- pages (page.c) ---- */

/* False, and 400 in reply, when the request's $top is no number of 1 and more. */
bool sandbox_page_check(const struct sandbox_request *request, struct sandbox_reply *reply);
/* The request's $top, between 1 and most; most without one. */
int sandbox_page_size(const struct sandbox_request *request, int most);
/* This request again, from token on. Owned by the caller. */
char *sandbox_page_next(const struct sandbox_request *request, const char *token);
/* Answers the part of list that $top and $skiptoken ask for, with nextLink where more follows.
 * Consumes list. */
void sandbox_page_reply(const struct sandbox_request *request, struct sandbox_reply *reply,
                        json_t *list_take, int most);

#endif
