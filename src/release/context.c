/* A target's place as the template language wants it. */
#include "release/maker.h"

struct roll_template_context release_context(const struct roll_order_target *target)
{
    return (struct roll_template_context){
        .scope = target->scope,
        .tenant_id = target->tenant,
        .subscription_id = target->subscription,
        .resource_group = target->resource_group,
        .management_group = target->management_group,
        .location = target->location,
        .deployment_name = target->deployment_name,
        .cloud = target->cloud,
    };
}
