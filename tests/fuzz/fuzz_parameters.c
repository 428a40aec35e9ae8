/* Parameter files. */
#include "fuzz.h"
#include "rollbook/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    roll_auto(json) json_t *parameters = NULL;
    const char *name;
    json_t *parameter;

    fuzz_begin();
    if (fuzz_ok(
            roll_parameters_read((const char *)data, size, "main.parameters.json", &parameters))) {
        FUZZ_CHECK(json_is_object(parameters), "no map");
        json_object_foreach (parameters, name, parameter)
            FUZZ_CHECK(json_is_object(parameter), "%s", name);
        fuzz_check_value(parameters);
    }
    fuzz_end();
    return 0;
}
