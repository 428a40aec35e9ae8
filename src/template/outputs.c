/* Outputs, asserts, and parameters as ARM's answer shows them (reference 14; REST reference 1.6).
 */
#include "expand.h"

static struct roll_error *eval_output_value(const struct eval *eval, const struct output *output,
                                            json_t **ret_value)
{
    if (output->copy)
        return trail_key(&eval->work->trail,
                         eval_copy_array(eval, output->copy, FRAME_OUTPUT, ret_value), "copy");
    return trail_key(&eval->work->trail, eval_node(eval, output->value, ret_value), "value");
}

/* ARM says "output" where it says "parameter" for those. */
static struct roll_error *check_output(const struct program *program, const struct output *output,
                                       json_t *value, struct work *work)
{
    if (is_marker(value) && !marker_of(value)->hidden)
        return NULL;
    if (json_is_null(value) && type_is_nullable(program, output->schema))
        return NULL;
    struct roll_error *err = type_check(program, output->schema, output->name, value, work);
    if (!err)
        return NULL;
    g_autoptr(GString) message = g_string_new(err->message);
    g_string_replace(message, "Template parameter JToken", "Template output JToken", 1);
    return template_rephrase(err, "%s", message->str);
}

struct roll_error *eval_output(const struct eval *eval, const struct program *program,
                               const struct output *output, bool secrets, json_t **ret_output)
{
    roll_auto(json) json_t *value = NULL;
    roll_auto(json) json_t *condition = NULL;
    if (output->condition) {
        ROLL_TRY(trail_key(&eval->work->trail, eval_identity(eval, output->condition, &condition),
                           "condition"));
        if (!is_marker(condition) && !json_is_boolean(condition))
            return template_error("The condition is of type '%s', expected type is 'Boolean'.",
                                  type_word(condition));
        if (json_is_false(condition))
            return NULL;
    }
    ROLL_TRY(eval_output_value(eval, output, &value));
    ROLL_TRY(check_output(program, output, value, eval->work));
    json_t *shown = json_object();
    object_put(shown, "type", json_text(type_answer(output->type)));
    if (secrets || !type_is_secure(program, output->schema))
        object_put(shown, "value", g_steal_pointer(&value));
    *ret_output = shown;
    return NULL;
}

struct roll_error *env_outputs(struct env *env, const struct program *program,
                               const struct frame *frame, struct instance *instance,
                               json_t **ret_outputs)
{
    struct trail *trail = &env->work->trail;
    struct eval eval = {
        .work = env->work, .env = env, .frame = frame, .place = PLACE_OUTPUT, .instance = instance};
    roll_auto(json) json_t *outputs = json_object();
    for (size_t i = 0; i < program->output_count; i++) {
        const struct output *output = &program->outputs[i];
        json_t *shown = NULL;
        struct roll_error *err = eval_output(&eval, program, output, false, &shown);
        if (err) {
            if (!err->detail)
                err = template_rephrase(err, "The template output '%s' is not valid: %s",
                                        output->name, err->message);
            err = trail_key(trail, trail_key(trail, err, output->name), "outputs");
            return trail_finish(trail, err, program->file, program->pointer);
        }
        if (shown)
            object_put(outputs, output->name, shown);
    }
    *ret_outputs = g_steal_pointer(&outputs);
    return NULL;
}

struct roll_error *env_asserts(struct env *env, json_t **ret_asserts)
{
    struct trail *trail = &env->work->trail;
    struct eval eval = {.work = env->work, .env = env, .place = PLACE_IDENTITY};
    roll_auto(json) json_t *asserts = json_object();
    for (size_t i = 0; i < env->program->assert_count; i++) {
        const struct assertion *assertion = &env->program->asserts[i];
        json_t *value = NULL;
        struct roll_error *err = eval_identity(&eval, assertion->value, &value);
        if (!err && !json_is_boolean(value) && !is_marker(value)) {
            err = template_error("The value is of type '%s', expected type is 'Boolean'.",
                                 type_word(value));
            json_decref(value);
        }
        if (err) {
            err = template_rephrase(err, "The template assertion '%s' is not valid: %s",
                                    assertion->name, err->message);
            err = trail_key(trail, trail_key(trail, err, assertion->name), "asserts");
            return trail_finish(trail, err, env->program->file, env->program->pointer);
        }
        object_put(asserts, assertion->name, value);
    }
    *ret_asserts = g_steal_pointer(&asserts);
    return NULL;
}

struct roll_error *env_parameters(struct env *env, json_t **ret_parameters)
{
    roll_auto(json) json_t *all = json_object();
    for (size_t i = 0; i < env->program->parameter_count; i++) {
        const struct parameter *parameter = &env->program->parameters[i];
        json_t *value = NULL;
        ROLL_TRY(eval_parameter_at(env, i, &value));
        json_t *shown = json_object();
        object_put(shown, "type", json_text(type_answer(parameter->public.type)));
        if (!parameter->public.secure)
            object_put(shown, "value", json_incref(value));
        object_put(all, parameter->public.name, shown);
    }
    *ret_parameters = g_steal_pointer(&all);
    return NULL;
}
