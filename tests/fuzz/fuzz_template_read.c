/* The template reader and the findings: any bytes. */
#include "fuzz.h"

#include "rollbook/json.h"
#include "rollbook/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    roll_auto(template) struct roll_template *tmpl = NULL;
    roll_auto(json) json_t *findings = NULL;
    roll_auto(json) json_t *parameters = NULL;
    roll_error_free(roll_template_read((const char *)data, size, "fuzz.json", &tmpl));
    roll_error_free(roll_template_check((const char *)data, size, "fuzz.json", &findings));
    roll_error_free(roll_parameters_read((const char *)data, size, "fuzz.json", &parameters));
    return 0;
}
