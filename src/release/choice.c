/* The memory of a choice. Its request is a struct within it, so its members are freed one by one,
 * by the same list of fields that made the struct. */
#include "release/internal.h"

#define FREE_text(member) g_free(member)
#define FREE_object(member) g_free(member)
#define FREE_texts(member) g_strfreev(member)
#define FREE_objects(member) g_strfreev(member)
#define FREE_json(member) json_decref(member)
#define FREE_number(member) ((void)(member))
#define FREE_flag(member) ((void)(member))

static void request_clear(struct roll_rollout_requested *request)
{
#define F(type, member, name, need) FREE_##type(request->member);
    ROLL_FIELDS_rollout_requested(F)
#undef F
}

void roll_choice_free(struct roll_choice *choice)
{
    if (!choice)
        return;
    roll_order_free(choice->order);
    request_clear(&choice->request);
    if (choice->blobs)
        g_ptr_array_unref(choice->blobs);
    g_strfreev(choice->skipped);
    g_strfreev(choice->notes);
    g_free(choice);
}
